/* The verdict: what was found, against what, how sure, in sentences; the rule beside the word; the configuration. */
import { useEffect, useState } from "preact/hooks";
import type { Against, Difference, Metric, Rerun, Standing, Study, VerdictWord } from "./api";
import { api } from "./api";
import { save } from "./figure";
import { toTrial } from "./route";
import type { StudyView } from "./study";
import { amount, percent, plural, shown, signed, signedPercent } from "./words";

export const VERDICTS: Record<VerdictWord, { word: string; rule: string }> = {
    adopt: { word: "Adopt", rule: "Something is better, and everything else holds, beside every reference, at 95 %." },
    "a trade": { word: "A trade", rule: "Beside some reference something is surely better, and something surely worse." },
    promising: { word: "Promising, not proven", rule: "By its means it is better than every reference, but an interval still leaves it open." },
    "no better": { word: "No better", rule: "Beside some reference its utility is not higher, or every difference lies within the margins." },
    "do not adopt": { word: "Do not adopt", rule: "Something is surely worse and nothing better, or a constraint is surely broken." },
    "not confirmed": { word: "Not confirmed", rule: "It was measured once, in the search; fresh seeds have not confirmed it." },
};

/* of a study that goes on nothing is confirmed yet, and that is no verdict */
export const headWord = (s: Study, best: Standing): string => {
    const word = best.verdict ?? (best.confirmed_seeds > 0 ? "no better" : "not confirmed");
    if (best.baseline) return s.phase === "open" ? "Nothing beats the baseline yet" : "Nothing beats the baseline";
    return s.phase === "open" && word === "not confirmed" ? "Best so far" : VERDICTS[word].word;
};

const metricNamed = (v: StudyView, name: string): Metric | undefined => v.metrics.value.find((m) => m.name === name);

/* "+1.44 points", "−82.5 %" */
export function change(d: Difference, m: Metric | undefined, which: "by" | "low" | "high" = "by"): string {
    const x = which === "by" ? (d.ratio ?? d.difference) : d[which];
    if (x === undefined) return "–";
    if (d.ratio !== undefined) return signedPercent(x, 1);
    return m?.kind === "proportion" ? signed(x * 100, 2) : `${x > 0 ? "+" : ""}${amount(x)}`;
}

/* better, worse; holds: at its worst within what the study lets go; open; undefined: nothing is known of the spread */
export function direction(d: Difference, m: Metric | undefined): "better" | "worse" | "holds" | "open" | undefined {
    if (d.low === undefined || d.high === undefined) return undefined;
    const up = d.low > 0, down = d.high < 0;
    if (!up && !down) return d.margin && (m?.goal === "maximize" ? d.low : -d.high) >= -d.margin ? "holds" : "open";
    return up === (m?.goal === "maximize") ? "better" : "worse";
}

function Phrase({ name, d, m }: { name: string; d: Difference; m: Metric | undefined }) {
    const interval = d.low !== undefined && d.high !== undefined ? ` (${change(d, m, "low")} to ${change(d, m, "high")})` : "";
    if (d.ratio !== undefined && m?.kind === "count" && Math.abs(d.ratio) < 0.005 && Math.max(Math.abs(d.low ?? 0), Math.abs(d.high ?? 0)) < 0.005) return <>spends as many <b>{name}</b></>;
    const is = direction(d, m), open = is === "open" ? ", not proven to differ" : is === "holds" ? ", which holds within what the study lets go" : "";
    if (d.ratio !== undefined && m?.kind === "count")
        return <>spends <b>{percent(Math.abs(d.ratio), 1)} {d.ratio < 0 ? "fewer" : "more"} {name}</b>{interval}{open}</>;
    const word = d.difference === 0 ? "keeps" : (d.difference ?? d.ratio ?? 0) > 0 ? "gains" : "gives up";
    const size = Math.abs(d.difference ?? d.ratio ?? 0), text = d.ratio !== undefined ? percent(size, 1) : m?.kind === "proportion" ? `${(size * 100).toFixed(2)} points` : amount(size);
    return <>{word} {size > 0 && <><b>{text}</b> of </>}<b>{name}</b>{interval}{open}</>;
}

/* Counts first: they are what is saved. */
function inOrder(v: StudyView, a: Against): [string, Difference][] {
    const uses = v.space.value?.objective?.weights, all = Object.entries(a.metrics);
    const kind = (n: string): number => (metricNamed(v, n)?.kind === "count" ? 0 : 1);
    const known = all.filter(([n]) => !uses || n in uses || !Object.keys(uses).length);
    return (known.length ? known : all).sort((x, y) => kind(x[0]) - kind(y[0]));
}

function Sentence({ v, best, a }: { v: StudyView; best: Standing; a: Against }) {
    const parts = inOrder(v, a).slice(0, 3);
    return (
        <p class="lead">
            Against <b>{a.reference}</b> it {parts.map(([name, d], i) => <>{i > 0 && (i === parts.length - 1 ? " and " : ", ")}<Phrase name={name} d={d} m={metricNamed(v, name)} /></>)}
            {best.confirmed_seeds > 0 ? `, on ${plural(best.confirmed_seeds, "fresh seed")} each.` : "; each measured once."}
            {a.seeds_to_decide ? ` About ${a.seeds_to_decide} seeds each would decide.` : ""}
        </p>
    );
}

/* What the study does now, in a few words. */
export function phaseSentence(s: Study): string {
    const running = s.states ? s.states.running + s.states.leased : 0;
    if (s.problem) return s.problem;
    if (s.failure) return `could not begin: ${s.failure}`;
    if (s.paused) return `paused: ${s.paused}`;
    switch (s.phase) {
        case "open": return s.running ? (s.step === "confirm" ? "confirming the best on fresh seeds" : s.step === "stopping" ? "stopping" : `searching, ${plural(running, "trial")} running`) : "waiting: no process works on it";
        case "paused": return "paused";
        case "stopped": return "stopped by hand";
        case "complete": return "complete";
        case "failed": return "failed";
        case undefined: return "";
    }
}

/* The objective or a constraint is relative to a baseline that has no result. */
function needsBaseline(v: StudyView): boolean {
    const t = v.trials.value, space = v.space.value, relative = space?.objective?.form === "weights" || space?.objective?.form === "exchange" || space?.constraints?.some((c) => c.includes("baseline"));
    return Boolean(relative) && !t.role.some((r, row) => r === "baseline" && t.state[row] === "complete");
}

export function Verdict({ v }: { v: StudyView }) {
    const s = v.study.value!, best = s.best;
    if (!best)
        return (
            <section class="verdict" data-part="verdict">
                <h2 class="headline">No winner yet</h2>
                <p class="lead">{s.failure ? `The study could not begin: ${s.failure}` : s.states.complete === 0 ? `No trial is complete yet; ${plural(s.states.running + s.states.leased, "is", "are")} running.` : `${plural(s.states.complete, "trial is", "trials are")} complete, ${needsBaseline(v) ? "but the baseline is not, and without it nothing can be compared." : "none satisfies the constraints."}`}</p>
            </section>
        );
    const word = best.verdict ?? (best.confirmed_seeds > 0 ? "no better" : "not confirmed"), { word: text, rule } = VERDICTS[word];
    const against = [...(best.against ?? [])].sort((a, b) => Number(a.reference === "baseline") - Number(b.reference === "baseline"));
    return (
        <section class="verdict" data-part="verdict">
            <h2 class="headline">{headWord(s, best)}{best.baseline ? "" : <>: <a href={toTrial(v.name, best.trial)}>trial {best.trial}</a></>}</h2>
            {best.baseline ? <p class="lead">{s.phase === "open" ? "The baseline is the best that was found so far." : "The baseline is the best that was found."}</p> : against.slice(0, 2).map((a) => <Sentence key={a.reference} v={v} best={best} a={a} />)}
            {!against.length && !best.baseline && <p class="lead">{Object.entries(best.metrics).map(([k, x]) => `${k} ${amount(x)}`).join(", ")}</p>}
            <Again v={v} best={best} />
            {best.caution && <p class="look-line">! {best.caution}</p>}
            <Configuration v={v} best={best} />
            {!best.baseline && <p class="quiet">{text}: {rule}</p>}
        </section>
    );
}

/* Of a best that was measured once: of many such the best flatters itself. Asked anew when there is another, or a tenth
 * more results. */
function Again({ v, best }: { v: StudyView; best: Standing }) {
    const [found, setFound] = useState<Rerun | null>(null), once = best.confirmed_seeds === 0, { complete } = v.study.value!.states, stage = Math.floor(Math.log(complete + 1) / Math.log(1.1));
    useEffect(() => {
        let late = false;
        setFound(null);
        if (once) api.rerun(v.name).then((r) => { if (!late) setFound(r); }).catch(() => undefined);
        return () => void (late = true);
    }, [v, best.trial, once, stage]);
    const uses = v.space.value?.objective?.weights, known = Object.entries(found?.metrics ?? {}).filter(([name, x]) => x.expected !== null && (!uses || !Object.keys(uses).length || name in uses));
    if (!once || found?.trial !== best.trial || !known.length) return null;
    return <p data-part="rerun">By all results, a re-run is expected to give {known.slice(0, 3).map(([name, x], i) => <>{i > 0 && ", "}<b>{name}</b> {amount(x.expected!)} ({amount(x.low!)} to {amount(x.high!)})</>)}.</p>;
}

const FORMS = ["yaml", "env", "args", "json"] as const;

function Configuration({ v, best }: { v: StudyView; best: Standing }) {
    const [said, setSaid] = useState(""), baseline = v.study.value?.comparison?.find((r) => r.baseline)?.params;
    const copy = async (form: string): Promise<void> => {
        try {
            await navigator.clipboard.writeText(form === "line" ? Object.entries(best.params).map(([k, x]) => `${k}=${shown(x)}`).join(" ") : await api.export(v.name, form));
            setSaid(`copied as ${form}`);
        } catch {
            setSaid("the browser does not let this page copy");
        }
        setTimeout(() => setSaid(""), 2000);
    };
    const report = async (): Promise<void> => {
        try {
            save(`${v.name}.html`, await api.report(v.name, "html"), "text/html");
        } catch (e) {
            setSaid((e as Error).message);
        }
    };
    return (
        <div class="configuration">
            <p class="mono" id="configuration">
                {Object.entries(best.params).map(([k, x]) => <span key={k} class="pair">{k}={baseline && JSON.stringify(baseline[k]) !== JSON.stringify(x) ? <b>{shown(x)}</b> : shown(x)} </span>)}
            </p>
            <p class="row">copy as {FORMS.map((f) => <button key={f} class="plain" data-copy={f} onClick={() => void copy(f)}>{f}</button>)}<button class="plain" data-report="html" onClick={() => void report()}>the whole report</button><span role="status" class="quiet">{said}</span></p>
        </div>
    );
}
