/* A trial: what came of it, why it was suggested, how it differs from the best, its curve, stages, files, log. */
import { useEffect, useState } from "preact/hooks";
import { act } from "./actions";
import { api, Problem, type Trial, type Value } from "./api";
import { sentence } from "./events";
import { Figure, save } from "./figure";
import { sign, tick } from "./live";
import { Mark } from "./mark";
import { Note } from "./note";
import { toTrial } from "./route";
import { isStalled, Tail } from "./running";
import { line } from "./series";
import { isOperator } from "./session";
import { costName, readCurve, type StudyView } from "./study";
import { StudyHead, Trouble } from "./study_screen";
import { amount, bytes, capital, clockWithSeconds, duration, plural, shown, STATE_WORDS, whole } from "./words";

const SOURCES: Record<string, string> = {
    confirm: "To confirm another configuration on a fresh seed.", reference: "A reference of the study file.",
    baseline: "It is the baseline of the study file.", sobol: "From an even spread over the space, before the model knew enough.", random: "At random.",
    enqueued: "A person asked for it.", gp: "The model expected the most of it.",
};

/* "gp: the best place of one draw" has its own words; the rest has ours. */
function whyOf(t: Trial): string {
    const [kind = "", more = ""] = t.source.split(/:\s*(.*)/s), known = SOURCES[t.role === "search" ? kind : t.role];
    return more ? `${kind === "gp" ? "By the model" : kind}: ${more}` : known ? `${known}${known.includes(kind) || kind === t.role ? "" : ` (${kind})`}` : t.source;
}

export function TrialScreen({ v, trial }: { v: StudyView; trial: number }) {
    const [t, setTrial] = useState<Trial | null>(null), [problem, setProblem] = useState<Problem | null>(null), seq = v.study.value?.seq;
    useEffect(() => {
        let late = false;
        api.trial(v.name, trial).then((o) => { if (!late) (setTrial(o), setProblem(null)); }).catch((e) => { if (!late && e instanceof Problem) setProblem(e); });
        void readCurve(v, trial).catch(() => undefined);
        return () => void (late = true);
    }, [v, trial, seq]);
    const head = <StudyHead v={v} tab={null} crumb={`trial ${trial}`} />;
    if (problem && !t) return <>{head}<p class="look-line">{problem.message}</p></>;
    if (!t || t.trial !== trial) return <>{head}<p class="empty" role="status">reading trial {trial} …</p></>;
    const best = v.study.value?.best, row = v.trials.value.row.get(trial), all = v.trials.value;
    return (
        <>
            {head}
            <Trouble v={v} />
            <div class="columns trial-columns">
                <div class="main-column">
                    <Outcome v={v} t={t} />
                    <Settings v={v} t={t} />
                    <Curve v={v} trial={trial} />
                    <Lineage v={v} t={t} />
                </div>
                <div class="side-column">
                    <section data-part="facts"><h2>Facts</h2><dl class="facts">
                        <dt>suggested</dt><dd>{whyOf(t)}</dd>
                        <dt>role</dt><dd>{t.role}</dd><dt>seed</dt><dd class="mono">{t.seed}</dd><dt>attempts</dt><dd>{t.attempts}</dd>
                        {t.agent && <><dt>agent</dt><dd>{t.agent}</dd></>}
                        {t.charged !== undefined && <><dt>spent itself</dt><dd>{amount(t.charged)} {costName(v)}</dd></>}
                        {t.finished_ms && <><dt>ended</dt><dd title={whole(t.finished_ms)}>{clockWithSeconds(t.finished_ms)}{row !== undefined && Number.isFinite(all.began[row]) ? `, after ${duration(t.finished_ms - all.began[row]!)}` : ""}</dd></>}
                        {best && best.trial !== trial && <><dt>the best is</dt><dd><a href={toTrial(v.name, best.trial)}>trial {best.trial}</a></dd></>}
                    </dl></section>
                    <Note study={v.name} trial={trial} seq={seq} />
                    <Story v={v} trial={trial} />
                </div>
            </div>
            <Files v={v} t={t} />
        </>
    );
}

/* What a trial measured besides what the study compares. */
const also = (v: StudyView, trial: number, metric: string): number | undefined => v.trials.value.metrics.get(metric)?.[v.trials.value.row.get(trial) ?? -1];

function Outcome({ v, t }: { v: StudyView; t: Trial }) {
    const best = v.study.value?.best, stalled = isStalled(v, t, tick.value), lost = sign.value.word === "lost", base = v.study.value?.comparison?.find((r) => r.baseline);
    const metrics = Object.entries(t.metrics);
    return (
        <section data-part="outcome">
            <h2 class="headline"><Mark state={stalled ? "stalled" : t.feasible === false ? "infeasible" : t.state} /> {stalled ? "Stalled" : capital(STATE_WORDS[t.state])}{t.feasible === false && ", breaks a constraint"}{best?.trial === t.trial ? ", and the best" : ""}</h2>
            {t.reason && <p class="lead">{t.reason}</p>}
            {metrics.length > 0 && <div class="wide"><table class="small-table"><thead><tr><th scope="col">metric</th><th scope="col" class="right">this trial</th>{base && base.trial !== t.trial && <th scope="col" class="right">baseline</th>}{best && best.trial !== t.trial && <th scope="col" class="right">best ({best.trial})</th>}</tr></thead>
                <tbody>{metrics.map(([k, x]) => <tr key={k}><th scope="row">{k}{t.state === "pruned" && <span class="quiet block">when it was stopped</span>}</th><td class="right figures"><b>{amount(x)}</b></td>{base && base.trial !== t.trial && <td class="right figures">{amount(base.metrics[k] ?? also(v, base.trial, k))}</td>}{best && best.trial !== t.trial && <td class="right figures">{amount(best.metrics[k] ?? also(v, best.trial, k))}</td>}</tr>)}
                    {t.utility !== undefined && t.utility !== null && <tr><th scope="row">utility</th><td class="right figures"><b>{amount(t.utility)}</b></td>{base && base.trial !== t.trial && <td class="right figures">{amount(base.utility)}</td>}{best && best.trial !== t.trial && <td class="right figures">{amount(best.utility)}</td>}</tr>}</tbody></table></div>}
            {isOperator.value && (
                <p class="row actions">
                    {["queued", "leased", "running"].includes(t.state) && <button disabled={lost} data-action="cancel" onClick={() => act(`Cancel trial ${t.trial}?${t.state === "running" ? " It runs now and is ended." : ""}`, "Cancel the trial", () => api.cancel(v.name, t.trial), v.look)}>Cancel it</button>}
                    {t.state === "failed" && <button disabled={lost} data-action="retry" onClick={() => act(`Try trial ${t.trial} again, with its number, configuration and seed?`, "Try again", () => api.retry(v.name, t.trial), v.look)}>Try again</button>}
                </p>
            )}
        </section>
    );
}

const same = (a: Value | undefined, b: Value | undefined): boolean => JSON.stringify(a) === JSON.stringify(b);

/* The settings beside the best's; what differs first. */
function Settings({ v, t }: { v: StudyView; t: Trial }) {
    const best = v.study.value?.best, other = best && best.trial !== t.trial ? best : v.study.value?.comparison?.find((r) => r.baseline), word = other === best ? "best" : "baseline";
    const names = [...new Set([...Object.keys(t.params), ...Object.keys(other?.params ?? {})])], differs = names.filter((n) => other && !same(t.params[n], other.params[n]));
    return (
        <section data-part="settings">
            <h2>{other ? `${plural(differs.length, "setting")} differ${differs.length === 1 ? "s" : ""} from the ${word}` : "Settings"}</h2>
            <div class="wide"><table class="small-table"><thead><tr><th scope="col">parameter</th><th scope="col">this trial</th>{other && <th scope="col">{word} ({other.trial})</th>}</tr></thead>
                <tbody>{[...differs, ...names.filter((n) => !differs.includes(n))].map((n) => <tr key={n}><th scope="row" class="mono">{n}</th><td class="mono">{differs.includes(n) ? <b>{shown(t.params[n])}</b> : shown(t.params[n])}</td>{other && <td class="mono">{shown(other.params[n])}</td>}</tr>)}</tbody></table></div>
        </section>
    );
}

function Curve({ v, trial }: { v: StudyView; trial: number }) {
    const own = v.curves.value.get(trial) ?? [], best = v.study.value?.best?.trial, other = best !== undefined && best !== trial ? (v.curves.value.get(best) ?? []) : [];
    useEffect(() => { if (best !== undefined && !v.curves.value.has(best)) void readCurve(v, best).catch(() => undefined); }, [best]);
    const names = Object.keys(own[0]?.metrics ?? {}), name = v.metrics.value.find((m) => m.goal === "maximize" && names.includes(m.name))?.name ?? names[0];
    if (own.length < 2 || !name) return null;
    const points = (c: typeof own): [number, number][] => c.map((r) => [r.step, r.metrics[name]!]);
    return (
        <Figure name="curve" view={v} label={`${name} of trial ${trial} by step`} title={`${name} over ${plural(own.length, "report")}`} caption={other.length ? `Line: this trial; dashed: the best, trial ${best}.` : "As it was reported."}
            picture={(c) => ({ x: { name: "step", kind: "number" }, y: { name, kind: "number" }, series: [line(points(own), c.ink, { width: 2 }), ...(other.length > 1 ? [line(points(other), c.quiet, { dash: "dashed" })] : [])] })}
            numbers={() => ({ head: ["step", ...names], rows: own.map((r) => [r.step, ...names.map((n) => r.metrics[n]!)]) })} />
    );
}

/* The stages that led to it; which were taken over from an earlier trial. */
function Lineage({ v, t }: { v: StudyView; t: Trial }) {
    if (!t.stages?.length) return null;
    const taken = t.stages.filter((s) => s.trial !== t.trial);
    return (
        <section data-part="lineage">
            <h2>{taken.length ? `${plural(taken.length, "stage")} of ${t.stages.length} taken over from earlier trials` : `${plural(t.stages.length, "stage")}, all run here`}</h2>
            <ol class="lineage">{t.stages.map((s) => (
                <li key={s.stage}><p><b>{s.stage}</b>{s.from.length > 0 && <span class="quiet"> from {s.from.join(", ")}</span>}{s.trial !== t.trial && <> · run by <a href={toTrial(v.name, s.trial)}>trial {s.trial}</a></>}</p>
                    <p class="mono">{Object.entries(s.params).map(([k, x]) => `${k}=${shown(x)}`).join(" ") || "no parameters"}</p>
                    <p class="quiet figures">{s.cost > 0 && `${amount(s.cost)} ${costName(v)} · `}{duration(s.took_ms)}{s.digest ? ` · ${bytes(s.bytes)}${s.kept ? "" : ", no longer kept"} · ${plural(s.users, "trial")} stand${s.users === 1 ? "s" : ""} on it` : " · left no checkpoint"}</p></li>
            ))}</ol>
        </section>
    );
}

function Story({ v, trial }: { v: StudyView; trial: number }) {
    const events = v.events.value.filter((e) => e.trial === trial && !["renewed", "checkpoint"].includes(e.event)).slice(-30);
    if (!events.length) return null;
    return <section data-part="story"><h2>What happened to it</h2><ol class="events">{events.map((e) => <li key={e.seq}><time class="figures quiet">{clockWithSeconds(e.at_ms)}</time><span>{sentence(e)}</span></li>)}</ol></section>;
}

function Files({ v, t }: { v: StudyView; t: Trial }) {
    const [files, setFiles] = useState<{ name: string; bytes: number }[]>([]);
    useEffect(() => void api.artefacts(v.name, t.trial).then((a) => setFiles(a.artefacts)).catch(() => setFiles([])), [v.name, t.trial, t.state]);
    const fetchFile = async (name: string): Promise<void> => {
        save(`${v.name}-${t.trial}-${name}`, await api.artefact(v.name, t.trial, name));
    };
    if (!files.length) return null;
    return (
        <section data-part="files"><h2>Log and files</h2>
            <Tail key={t.attempts} study={v.name} trial={t.trial} live={t.state === "running"} />
            <ul class="plain-list row"><li class="quiet">save</li>{files.map((f) => <li key={f.name}><button class="plain" onClick={() => void fetchFile(f.name)}>{f.name}</button> <span class="quiet figures">{bytes(f.bytes)}</span></li>)}</ul>
        </section>
    );
}
