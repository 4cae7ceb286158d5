/* What runs now: how long, where it stands, when it was last heard; stalled is a state of its own. Its log, as it grows. */
import { useEffect, useRef, useState } from "preact/hooks";
import { api, Problem, type Trial } from "./api";
import { act } from "./actions";
import { tick } from "./live";
import { Mark } from "./mark";
import { toTrial } from "./route";
import { isOperator } from "./session";
import { readCurve, type StudyView } from "./study";
import { ago, amount, bytes, duration, plural, shown } from "./words";

const STALLED_GAPS = 4, STALLED_LEAST_MS = 60_000, TAIL_BYTES = 40_000, AGAIN_MS = 2000, FOLLOW_S = 25;

/* Silent for four times its usual gap, and for a minute at least. */
export function isStalled(v: StudyView, t: Trial, now: number): boolean {
    const curve = v.curves.value.get(t.trial) ?? [], heard = v.heard.value.get(t.trial), timed = curve.filter((r) => Number.isFinite(r.after_ms));
    if (!heard || timed.length < 3) return false;
    const gap = (timed[timed.length - 1]!.after_ms - timed[0]!.after_ms) / (timed.length - 1);
    return now - heard > Math.max(STALLED_GAPS * gap, STALLED_LEAST_MS);
}

export function Running({ v }: { v: StudyView }) {
    const s = v.study.value!, running = v.running.value, [open, setOpen] = useState(-1); /* one log: a browser has six connections for all tabs */
    if (s.phase !== "open" && !running.length) return null;
    return (
        <section data-part="running">
            <h2>{running.length ? `${plural(running.length, "trial")} running` : "Nothing runs now"}</h2>
            {!running.length && <p class="quiet">{s.paused ? `Paused: ${s.paused}` : s.running ? "The next suggestion is being computed." : "No process works on this study."}</p>}
            <ul class="running-list">{running.map((t) => <RunningTrial key={t.trial} v={v} t={t} open={open === t.trial} onLog={() => setOpen(open === t.trial ? -1 : t.trial)} />)}</ul>
        </section>
    );
}

function RunningTrial({ v, t, open, onLog }: { v: StudyView; t: Trial; open: boolean; onLog: () => void }) {
    const now = tick.value, curve = v.curves.value.get(t.trial), last = curve?.[curve.length - 1];
    useEffect(() => void readCurve(v, t.trial).catch(() => undefined), [t.trial]);
    const began = v.trials.value.began[v.trials.value.row.get(t.trial) ?? -1], stalled = isStalled(v, t, now), heard = v.heard.value.get(t.trial);
    return (
        <li>
            <p><Mark state={stalled ? "stalled" : "running"} /> <a href={toTrial(v.name, t.trial)}>trial {t.trial}</a> {stalled ? <b>stalled</b> : t.state === "leased" ? "starting" : ""} <span class="quiet">{[t.role !== "search" ? t.role : "", t.agent ?? "", began ? duration(now - began) : ""].filter(Boolean).join(" · ")}</span></p>
            <p class="figures">{last ? <>step {last.step} · {Object.entries(last.metrics).slice(0, 4).map(([k, x]) => `${k} ${amount(x)}`).join(" · ")}{heard ? ` · ${ago(heard, now)}` : ""}</> : <span class="quiet">no report yet</span>}</p>
            <p class="mono quiet cut">{Object.entries(t.params).map(([k, x]) => `${k}=${shown(x)}`).join(" ")}</p>
            <p class="row"><button class="plain" aria-expanded={open} onClick={onLog}>log</button>
                {isOperator.value && <button class="plain" data-action="cancel" onClick={() => act(`Cancel trial ${t.trial}? It runs now and is ended; what it has spent stays spent.`, "Cancel the trial", () => api.cancel(v.name, t.trial), v.look)}>cancel</button>}</p>
            {open && <Tail key={t.attempts} study={v.name} trial={t.trial} live />}
        </li>
    );
}

const isSeen = async (): Promise<void> => {
    while (document.hidden) await new Promise((done) => document.addEventListener("visibilitychange", done, { once: true }));
};

/* The end of a file from a byte on, as it grows while the trial runs; `told` hears it whole, or at last why not. */
async function follow(study: string, trial: number, name: string, size: number, live: boolean, over: AbortSignal, told: (text: string) => void): Promise<void> {
    const words = new TextDecoder();
    let from = Math.max(0, size - TAIL_BYTES), kept = "";
    while (!over.aborted) {
        await isSeen();
        try {
            const part = await api.more(study, trial, name, from, live ? FOLLOW_S : 0, over);
            from += part.byteLength;
            kept = (kept + words.decode(part, { stream: true })).slice(-TAIL_BYTES);
            told(from > TAIL_BYTES ? `… ${bytes(from - kept.length)} before …\n${kept.slice(kept.indexOf("\n") + 1)}` : kept);
            if (part.byteLength) continue;
            if (!live) return;
        } catch (e) {
            if (over.aborted) return;
            if (!(e instanceof Problem && e.status === 0)) return told((e as Error).message);
        }
        await new Promise((done) => setTimeout(done, AGAIN_MS));
    }
}

/* The end of a trial's log; goes on while it runs. */
export function Tail({ study, trial, live }: { study: string; trial: number; live: boolean }) {
    const [logs, setLogs] = useState<{ name: string; bytes: number }[]>([]), [name, setName] = useState(""), [text, setText] = useState<string | null>(null), pre = useRef<HTMLPreElement>(null);
    useEffect(() => {
        let timer = 0, over = false;
        const list = async (): Promise<void> => {
            const found = (await api.artefacts(study, trial)).artefacts.filter((x) => /\.(log|txt|json|yaml|csv|jsonl)$/.test(x.name));
            if (over) return;
            setLogs(found);
            setName((found.find((x) => x.name === "stdout.log" && x.bytes > 0) ?? found.find((x) => /\.log$/.test(x.name) && x.bytes > 0) ?? found[0])?.name ?? "");
            if (!found.length) setText("");
            if (!found.length && live) timer = window.setTimeout(() => void list().catch(() => undefined), AGAIN_MS);
        };
        void list().catch((e: Error) => setText(e.message));
        return () => { over = true; clearTimeout(timer); };
    }, [study, trial, live]);
    useEffect(() => {
        if (!name) return;
        const over = new AbortController();
        void follow(study, trial, name, logs.find((l) => l.name === name)?.bytes ?? 0, live, over.signal, setText);
        return () => over.abort();
    }, [study, trial, name, live]);
    useEffect(() => {
        const p = pre.current;
        if (p && p.scrollHeight - p.scrollTop - p.clientHeight < 80) p.scrollTop = p.scrollHeight;
    }, [text]);
    return (
        <div class="tail">
            {logs.length > 1 && <p class="row">{logs.map((l) => <button key={l.name} class="plain" aria-pressed={l.name === name} onClick={() => setName(l.name)}>{l.name}</button>)}</p>}
            <pre ref={pre} tabIndex={0} aria-label={`log of trial ${trial}`}>{text === null ? "reading …" : text === "" ? "It has printed nothing." : text}</pre>
        </div>
    );
}
