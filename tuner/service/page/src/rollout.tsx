/* One rollout: what is live and how it does, drift, what is tried against it, what comes next, what has happened; and, for
 * an operator, what may be done. The words are the service's: those of `nocturne loop`. */
import { useEffect, useRef, useState } from "preact/hooks";
import { act } from "./actions";
import { api, Problem, type Course, type Loop, type LoopPhase, type Metrics, type Order } from "./api";
import { CourseChart, readCourse } from "./course_chart";
import { onHappening, sign } from "./live";
import { Mark } from "./mark";
import { markOf } from "./rollouts";
import { toStudy, toTrial } from "./route";
import { isOperator } from "./session";
import { inTurn } from "./turn";
import { amount, capital, clockWithSeconds, percent, whole } from "./words";

const AGAIN_MS = 500, SHOWN = 50, MORE = 200;
const PHASES: readonly LoopPhase[] = ["learning", "watching", "drifted", "evaluating", "tuning", "trying"];

async function lookAt(name: string, shown: number): Promise<[Loop, Course | null]> {
    const now = await api.loop(name, shown);
    return [now, now.experiment ? await readCourse(name) : null];
}

export function Rollout({ name }: { name: string }) {
    const [l, setLoop] = useState<Loop | null>(null), [course, setCourse] = useState<Course | null>(null), [problem, setProblem] = useState(""), [shown, setShown] = useState(SHOWN);
    const turn = useRef(inTurn()); /* so that no earlier answer comes after a later one */
    const look = (): void => turn.current(() => lookAt(name, shown).then(([now, went]) => { setLoop(now); setCourse(went); setProblem(""); }, (e) => setProblem(e instanceof Problem ? e.message : String(e))));
    useEffect(() => {
        let timer = 0;
        look();
        const stop = onHappening((h) => {
            const ours = h.event === "asked" || (h.event === "rollout" && h.data.rollout === name);
            if (ours && !timer) timer = window.setTimeout(() => { timer = 0; if (!document.hidden) look(); }, AGAIN_MS);
        });
        return () => { clearTimeout(timer); stop(); };
    }, [name, shown]);
    if (!l) return <p class="empty">{problem || "reading the rollout …"}</p>;
    return (
        <>
            <header class="study-head"><p class="crumbs"><a href="#/live">Live</a> /</p><h1>{l.rollout}</h1></header>
            {problem && <p class="wrong" role="alert">{problem}</p>}
            <div class="stack">
                <section data-part="rollout">
                    <Headline l={l} />
                    <p class="lead" data-part="next">Next: {l.next}.</p>
                    <Orders l={l} look={look} />
                    <Matters l={l} />
                </section>
                <Served l={l} />
                <Drift l={l} />
                <Tried l={l} course={course} />
                <Happened l={l} more={() => setShown(Math.min(shown + MORE, 1000))} />
            </div>
        </>
    );
}

/* The judgement is large, what it stands on is not. */
function Headline({ l }: { l: Loop }) {
    const [word, ...rest] = l.headline.split(": ");
    return (
        <>
            <h2 class="headline"><Mark state={markOf(l)} /> {capital(word!)}</h2>
            {rest.length > 0 && <p class="lead" data-part="because">{capital(rest.join(": "))}.</p>}
        </>
    );
}

function Matters({ l }: { l: Loop }) {
    if (!l.matters.length) return null;
    return <div data-part="health"><ul>{l.matters.map((m) => <li key={m.what} class={m.level}><Mark state={m.level} /><div><p>{capital(m.sentence)}</p><p class="quiet">{capital(m.action)}</p></div></li>)}</ul></div>;
}

const means = (m: Metrics): string => Object.entries(m).map(([k, v]) => `${k} ${amount(v)}`).join(", ");

function Served({ l }: { l: Loop }) {
    const { study, trial } = l.champion;
    return (
        <section data-part="served">
            <h2>What is live</h2>
            <p>{trial === undefined ? l.live : <><a href={toTrial(study, trial)}>Trial {trial}</a> of <a href={toStudy(study)}>{study}</a> <span class="quiet">{/\(.*\)$/.exec(l.live)?.[0]}</span></>}, since <time dateTime={new Date(l.since_ms).toISOString()} title={whole(l.since_ms)}>{clockWithSeconds(l.since_ms)}</time></p>
            {Object.keys(l.usual).length > 0 && <p class="figures">Usually {means(l.usual)}; lately {means(l.lately) || "nothing was heard"}</p>}
        </section>
    );
}

function Drift({ l }: { l: Loop }) {
    return (
        <section data-part="drift">
            <h2>Drift</h2>
            <p>{capital(l.drift)}</p>
            {l.alarm !== null && <svg class="bar" viewBox="0 0 100 6" preserveAspectRatio="none" role="img" aria-label={`${percent(l.alarm)} of an alarm`}><rect class="all" width="100" height="6" /><rect class={l.alarm < 1 ? "spent" : "reserved"} width={l.alarm * 100} height="6" /></svg>}
            {l.phase && <ol class="circle">{PHASES.map((p) => <li key={p} aria-current={p === l.phase ? "step" : undefined}>{p === l.phase ? <b>{p}</b> : <span class="quiet">{p}</span>}</li>)}</ol>}
        </section>
    );
}

function Tried({ l, course }: { l: Loop; course: Course | null }) {
    if (!l.experiment) return null;
    return (
        <section data-part="tried">
            <h2>What is tried</h2>
            <p>{capital(l.state)}</p>
            {l.tried.map((c) => (
                <div key={c.variant}>
                    <h3>{c.variant}{c.dropped ? ", taken back" : ""}</h3>
                    <p>{capital(c.what)}</p>
                    {c.beside.length > 0 && <div class="wide" tabIndex={0} role="region" aria-label={`${c.variant} beside the champion`}><table>
                        <thead><tr><th scope="col">beside the champion</th><th scope="col">difference and interval</th><th scope="col">word</th></tr></thead>
                        <tbody>{c.beside.map((t) => <tr key={t.what}><th scope="row">{t.what}</th><td class="figures">{t.by} <span class="quiet">{t.interval}</span></td><td>{t.word}</td></tr>)}</tbody>
                    </table></div>}
                    {course && course.experiment === l.experiment?.number && <CourseChart c={course} variant={c.variant} />}
                </div>
            ))}
        </section>
    );
}

function Happened({ l, more }: { l: Loop; more: () => void }) {
    const first = l.events[0]?.seq ?? 1;
    return (
        <section data-part="happened">
            <h2>What happened</h2>
            <ol class="events">{[...l.events].reverse().map((e) => (
                <li key={e.seq}><time class="figures quiet" dateTime={new Date(e.at_ms).toISOString()} title={whole(e.at_ms)}>{clockWithSeconds(e.at_ms)}</time><span>{e.text}</span></li>
            ))}</ol>
            {first > 1 && l.events.length < 1000 && <button onClick={more}>Show earlier</button>}
        </section>
    );
}

/* ---- what an operator may do ---- */

interface Offer { order: Order; button: string; text: string }

function offers(l: Loop): Offer[] {
    const x = l.experiment, all: Offer[] = [], running = x?.phase === "running", open = running || x?.phase === "learning" || x?.phase === "shadow" || x?.phase === "paused";
    if (l.asked) all.push({ order: "approve", button: "Approve", text: `Let the watch of ${l.rollout} go on with ${l.phase}?` });
    if (l.asked) all.push({ order: "decline", button: "Decline", text: `No ${l.phase} of ${l.rollout}? What is usual now is learnt, and an alarm is raised when that changes.` });
    if (running) all.push({ order: "ramp", button: "Ramp", text: "Go to the next step of the ramp now? More people get what is tried." });
    if (running) all.push({ order: "promote", button: "Promote", text: `Make ${x!.ready ?? "the challenger"} the champion${x!.ready ? "" : ", though it has not proven itself"}? Everybody gets it.` });
    if (open && x!.phase !== "paused") all.push({ order: "pause", button: "Pause", text: "Pause the experiment? Everybody gets the champion until it is resumed." });
    if (x?.phase === "paused") all.push({ order: "resume", button: "Resume", text: "Go on with the experiment? The same people get what is tried." });
    if (open) all.push({ order: "rollback", button: "Roll back", text: "End the experiment? Everybody gets the champion, for good." });
    if (x?.phase === "promoted") all.push({ order: "rollback", button: "Roll back", text: "Take the promotion back? Everybody gets the champion before it." });
    if (l.killed) all.push({ order: "revive", button: "Revive", text: "Let clients be assigned again?" });
    else all.push({ order: "kill", button: "Kill", text: `Serve everybody the champion of ${l.rollout} at once, whatever runs?` });
    return all;
}

function Orders({ l, look }: { l: Loop; look: () => void }) {
    if (!isOperator.value) return null;
    return (
        <div class="row actions" role="group" aria-label="Actions">
            {offers(l).map((o) => <button key={o.order} data-action={o.order} disabled={sign.value.word === "lost"} onClick={() => act(o.text, o.button, () => api.order(l.rollout, o.order, l.version), look)}>{o.button}</button>)}
        </div>
    );
}
