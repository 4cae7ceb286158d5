/* What is live: every rollout in a few lines. */
import { useEffect, useState } from "preact/hooks";
import { api, Problem, type Loop } from "./api";
import { onHappening } from "./live";
import { Mark, type MarkName } from "./mark";
import { toRollout } from "./route";
import { inTurn } from "./turn";

const AGAIN_MS = 1000;

export function markOf(l: Loop): MarkName {
    if (l.killed || l.matters.some((m) => m.level === "wrong")) return "wrong";
    if (l.asked || l.matters.some((m) => m.level === "look") || l.phase === "drifted") return "look";
    return l.experiment?.phase === "running" ? "running" : "fine";
}

export function Rollouts() {
    const [loops, setLoops] = useState<Loop[] | null>(null), [problem, setProblem] = useState("");
    useEffect(() => {
        const turn = inTurn();
        let timer = 0;
        const look = async (): Promise<void> => {
            try {
                const all = await api.rollouts();
                setLoops(await Promise.all(all.rollouts.map((r) => api.loop(r.rollout, 1))));
                setProblem("");
            } catch (e) {
                setProblem(e instanceof Problem ? e.message : String(e));
            }
        };
        turn(look);
        const stop = onHappening((h) => {
            if ((h.event !== "rollout" && h.event !== "asked") || timer) return;
            timer = window.setTimeout(() => { timer = 0; if (!document.hidden) turn(look); }, AGAIN_MS);
        });
        return () => { clearTimeout(timer); stop(); };
    }, []);
    if (!loops) return <p class="empty">{problem || "reading what is live …"}</p>;
    return (
        <>
            <h1>Live</h1>
            {problem && <p class="wrong" role="alert">{problem}</p>}
            {!loops.length && <p class="empty">Nothing is live yet. <code>nocturne rollout start STUDY</code> tries the best of a study against its baseline; <code>nocturne watch STUDY</code> watches it.</p>}
            <ul class="studies">{loops.map((l) => <Line key={l.rollout} l={l} />)}</ul>
        </>
    );
}

function Line({ l }: { l: Loop }) {
    return (
        <li class="study-line" data-rollout={l.rollout}>
            <div class="study-name"><h2><a href={toRollout(l.rollout)}>{l.rollout}</a></h2></div>
            <p><Mark state={markOf(l)} /> {l.headline}</p>
            <p class="quiet">{l.live}</p>
            <p>{l.drift}{l.asked ? `; ${l.next}` : ""}</p>
        </li>
    );
}
