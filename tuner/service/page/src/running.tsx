/* What runs now: how long, where it stands, when it was last heard; stalled is a state of its own. Its log, as it grows. */
import { useEffect, useRef, useState } from "preact/hooks";
import { api, type Trial } from "./api";
import { act } from "./actions";
import { tick } from "./live";
import { Mark } from "./mark";
import { toTrial } from "./route";
import { isOperator } from "./session";
import { readCurve, type StudyView } from "./study";
import { ago, amount, duration, plural, shown } from "./words";

const STALLED_GAPS = 4, STALLED_LEAST_MS = 60_000, TAIL_BYTES = 4000, TAIL_MS = 2000;

/* Silent for four times its usual gap, and for a minute at least. */
export function isStalled(v: StudyView, t: Trial, now: number): boolean {
    const curve = v.curves.value.get(t.trial) ?? [], heard = v.heard.value.get(t.trial) ?? t.heard_ms, timed = curve.filter((r) => Number.isFinite(r.after_ms));
    if (!heard || timed.length < 3) return false;
    const gap = (timed[timed.length - 1]!.after_ms - timed[0]!.after_ms) / (timed.length - 1);
    return now - heard > Math.max(STALLED_GAPS * gap, STALLED_LEAST_MS);
}

export function Running({ v }: { v: StudyView }) {
    const s = v.study.value!, running = v.running.value;
    if (s.phase !== "open" && !running.length) return null;
    return (
        <section data-part="running">
            <h2>{running.length ? `${plural(running.length, "trial")} running` : "Nothing runs now"}</h2>
            {!running.length && <p class="quiet">{s.paused ? `Paused: ${s.paused}` : s.running ? "The next suggestion is being computed." : "No process works on this study."}</p>}
            <ul class="running-list">{running.map((t) => <RunningTrial key={t.trial} v={v} t={t} />)}</ul>
        </section>
    );
}

function RunningTrial({ v, t }: { v: StudyView; t: Trial }) {
    const now = tick.value, curve = v.curves.value.get(t.trial), last = curve?.[curve.length - 1], [open, setOpen] = useState(false);
    useEffect(() => void readCurve(v, t.trial).catch(() => undefined), [t.trial]);
    const began = t.began_ms ?? v.trials.value.began[v.trials.value.row.get(t.trial) ?? -1];
    const stalled = isStalled(v, t, now), heard = v.heard.value.get(t.trial) ?? t.heard_ms;
    return (
        <li>
            <p><Mark state={stalled ? "stalled" : "running"} /> <a href={toTrial(v.name, t.trial)}>trial {t.trial}</a> {stalled ? <b>stalled</b> : t.state === "leased" ? "starting" : ""} <span class="quiet">{[t.role !== "search" ? t.role : "", t.agent ?? "", began ? duration(now - began) : ""].filter(Boolean).join(" · ")}</span></p>
            <p class="figures">{last ? <>step {last.step} · {Object.entries(last.metrics).slice(0, 4).map(([k, x]) => `${k} ${amount(x)}`).join(" · ")}{heard ? ` · ${ago(heard, now)}` : ""}</> : <span class="quiet">no report yet</span>}</p>
            <p class="mono quiet cut">{Object.entries(t.params).map(([k, x]) => `${k}=${shown(x)}`).join(" ")}</p>
            <p class="row"><button class="plain" aria-expanded={open} onClick={() => setOpen(!open)}>log</button>
                {isOperator.value && <button class="plain" data-action="cancel" onClick={() => act(`Cancel trial ${t.trial}? It runs now and is ended; what it has spent stays spent.`, "Cancel the trial", () => api.cancel(v.name, t.trial), v.look)}>cancel</button>}</p>
            {open && <Tail study={v.name} trial={t.trial} live />}
        </li>
    );
}

/* The end of a trial's log; goes on while it runs. Where the service can wait for more, it is waited for. */
export function Tail({ study, trial, live }: { study: string; trial: number; live: boolean }) {
    const [logs, setLogs] = useState<{ name: string; bytes: number }[]>([]), [name, setName] = useState(""), [text, setText] = useState<string | null>(null), pre = useRef<HTMLPreElement>(null);
    useEffect(() => void api.artefacts(study, trial).then((a) => {
        const found = a.artefacts.filter((x) => /\.(log|txt|json|yaml|csv|jsonl)$/.test(x.name));
        setLogs(found);
        setName((found.find((x) => x.name === "stdout.log" && x.bytes > 0) ?? found.find((x) => /\.log$/.test(x.name) && x.bytes > 0) ?? found[0])?.name ?? "");
        if (!found.length) setText("");
    }).catch((e: Error) => setText(e.message)), [study, trial]);
    useEffect(() => {
        if (!name) return;
        let over = false;
        const follow = async (): Promise<void> => {
            while (!over) {
                const all = await api.artefact(study, trial, name).catch((e: Error) => e.message);
                if (over) return;
                setText(all.length > TAIL_BYTES * 10 ? `… ${all.length - TAIL_BYTES * 10} characters before …\n${all.slice(-TAIL_BYTES * 10)}` : all);
                if (!live) return;
                await new Promise((done) => setTimeout(done, TAIL_MS));
            }
        };
        void follow();
        return () => void (over = true);
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
