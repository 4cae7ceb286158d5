/* What an operator does: each asks, saying what will happen and to how many; what comes of it is seen in the study. */
import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { api, Problem } from "./api";
import { sign } from "./live";
import { isOperator } from "./session";
import type { StudyView } from "./study";
import { plural } from "./words";

interface Question { text: string; verb: string; run: () => Promise<unknown>; then: (() => void) | undefined }

const question = signal<Question | null>(null);
const trouble = signal("");

export function act(text: string, verb: string, run: () => Promise<unknown>, then?: () => void): void {
    trouble.value = "";
    question.value = { text, verb, run, then };
}

export function Asking() {
    const dialog = useRef<HTMLDialogElement>(null), q = question.value;
    useEffect(() => {
        if (q && !dialog.current!.open) dialog.current!.showModal();
        if (!q && dialog.current!.open) dialog.current!.close();
    }, [q]);
    const yes = async (): Promise<void> => {
        try {
            await q!.run();
            question.value = null;
            q!.then?.();
        } catch (error) {
            trouble.value = error instanceof Problem ? error.message : String(error);
        }
    };
    return (
        <dialog ref={dialog} onClose={() => (question.value = null)} aria-label="Are you sure?">
            {q && (
                <>
                    <p class="lead">{q.text}</p>
                    {trouble.value && <p class="wrong" role="alert">{trouble.value}</p>}
                    <p class="row"><button class="main" onClick={() => void yes()}>{q.verb}</button> <button onClick={() => (question.value = null)}>No</button></p>
                </>
            )}
        </dialog>
    );
}

export const askToPause = (v: StudyView): void => {
    const n = v.study.value?.states.running ?? 0;
    act(`Pause ${v.name}? Nothing new starts; ${n ? `the ${plural(n, "trial")} that run${n === 1 ? "s goes" : " go"} on` : "nothing runs now"}.`, "Pause", () => api.pause(v.name), v.look);
};

export function StudyActions({ v }: { v: StudyView }) {
    const s = v.study.value;
    if (!isOperator.value || !s) return null;
    const running = s.states.running + s.states.leased, off = sign.value.word === "lost", paused = s.phase === "paused" || Boolean(s.paused);
    return (
        <div class="row actions" role="group" aria-label="Actions">
            {s.phase === "open" && s.hosted && !paused && <button disabled={off} data-action="pause" onClick={() => askToPause(v)}>Pause</button>}
            {(s.phase !== "open" || paused || !s.hosted) && !(s.running && !s.hosted) && <button disabled={off} data-action="resume" onClick={() => act(`Put ${v.name} to work${s.phase === "complete" ? " again? Its budget may be spent; then it ends at once" : ""}?`.replace("??", "?"), "Resume", () => api.resume(v.name), v.look)}>Resume</button>}
            {s.hosted && s.phase !== "stopped" && s.phase !== "complete" && <button disabled={off} data-action="stop" onClick={() => act(`Stop ${v.name}? Nothing new starts, and it ends when ${plural(running, "running trial")} ${running === 1 ? "has" : "have"} ended.`, "Stop", () => api.stop(v.name, false), v.look)}>Stop</button>}
            {s.hosted && running > 0 && <button disabled={off} data-action="stop-now" onClick={() => act(`Stop ${plural(running, "running trial")} now? What they have not reported is lost.`, "Stop now", () => api.stop(v.name, true), v.look)}>Stop now</button>}
        </div>
    );
}
