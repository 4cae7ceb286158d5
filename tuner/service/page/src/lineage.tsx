/* Lineage of a study with stages: which trial took over what from which. A row is a trial, a cell a stage as it was run
 * once; what several trials stand on is one cell beside all of them. */
import { useEffect, useState } from "preact/hooks";
import { api, type Stage } from "./api";
import { Mark } from "./mark";
import { toTrial } from "./route";
import { costName, type StudyView } from "./study";
import { amount, bytes, duration, plural, shown, type State } from "./words";

const TRIALS_MAX = 10000, ROWS_SHOWN = 60;

interface Staged { trial: number; state: State; stages: Stage[] }

/* The latest trials with their stages, anew when the study has gone on; and how many there are. */
function useStaged(v: StudyView): { trials: Staged[]; total: number } {
    const s = v.study.value!, staged = s.reuse !== undefined, [found, setFound] = useState<{ trials: Staged[]; total: number }>({ trials: [], total: 0 });
    useEffect(() => {
        let late = false;
        const read = async (): Promise<void> => {
            const all = await api.lineage(v.name, TRIALS_MAX);
            if (!late) setFound({ trials: all.trials.map((t) => ({ trial: t.trial, state: t.state, stages: t.stages.map((at) => all.stages[at]!) })), total: all.total });
        };
        if (staged) void read().catch(() => undefined);
        return () => void (late = true);
    }, [v, s.states.complete, s.reuse?.stages]);
    return found;
}

/* What it measured, as the study's trials have it. */
function measured(v: StudyView, trial: number, metric: string): number | undefined {
    const t = v.trials.value, row = t.row.get(trial);
    return row === undefined ? undefined : t.metrics.get(metric)?.[row];
}

const runOf = (s: Stage | undefined): string => (s ? `${s.trial}.${s.attempt}` : "");

/* Trials beside each other that stand on the same; of those the most first. */
function inOrder(trials: Staged[]): Staged[] {
    return [...trials].sort((a, b) => {
        const depth = Math.max(a.stages.length, b.stages.length);
        for (let k = 0; k < depth; k++) {
            const x = a.stages[k], y = b.stages[k];
            if (runOf(x) === runOf(y)) continue;
            return (y?.users ?? 0) - (x?.users ?? 0) || (x?.trial ?? 0) - (y?.trial ?? 0) || a.trial - b.trial;
        }
        return a.trial - b.trial;
    });
}

/* How many rows from this one on have the same first stages, up to the k-th; 0: the row above has them, too. */
function spanOf(rows: Staged[], at: number, k: number): number {
    const same = (a: Staged | undefined): boolean => a !== undefined && Array.from({ length: k + 1 }, (_, i) => i).every((i) => runOf(a.stages[i]) === runOf(rows[at]!.stages[i]) && runOf(a.stages[i]) !== "");
    if (same(rows[at - 1])) return 0;
    let n = 1;
    while (same(rows[at + n])) n++;
    return n;
}

export function LineageTable({ v }: { v: StudyView }) {
    const { trials, total } = useStaged(v), reuse = v.study.value!.reuse, [most, setMost] = useState(ROWS_SHOWN), best = v.study.value!.best?.trial;
    if (!reuse || !trials.length) return null;
    const sharing = inOrder(trials.filter((t) => t.stages.some((s) => s.users > 1))), rows = sharing.slice(0, most);
    const stages = Array.from({ length: Math.max(...trials.map((t) => t.stages.length)) }, (_, k) => trials.find((t) => t.stages[k])!.stages[k]!.stage);
    const metrics = v.metrics.value.slice(0, 3);
    return (
        <section data-part="lineage">
            <h2>{reuse.stages ? `${plural(reuse.stages, "stage")} taken over from earlier trials${reuse.saved ? `, which saved ${amount(reuse.saved)} ${costName(v)}` : ""}` : "No stage was taken over from another trial yet"}</h2>
            {rows.length > 0 && <div class="wide" tabIndex={0} role="region" aria-label="Lineage"><table class="lineage-table">
                <thead><tr>{stages.map((s) => <th key={s} scope="col">{s}</th>)}<th scope="col">trial</th>{metrics.map((m) => <th key={m.name} scope="col" class="right">{m.name}</th>)}</tr></thead>
                <tbody>{rows.map((t, at) => (
                    <tr key={t.trial} class={t.trial === best ? "winner" : ""}>
                        {stages.map((name, k) => { const s = t.stages[k], span = spanOf(rows, at, k); return span ? <td key={name} rowSpan={span} class={span > 1 ? "shared" : ""}>{s && <StageCell v={v} s={s} t={t} shared={span > 1} />}</td> : null; })}
                        <th scope="row"><Mark state={t.trial === best ? "winner" : t.state} /> <a href={toTrial(v.name, t.trial)}>{t.trial}</a></th>
                        {metrics.map((m) => <td key={m.name} class="right figures">{amount(measured(v, t.trial, m.name))}</td>)}
                    </tr>
                ))}</tbody>
            </table></div>}
            {sharing.length > rows.length && <button onClick={() => setMost(most + 200)}>Show more</button>}
            <p class="caption">{rows.length > 0 && <>A cell: a stage, its settings, the trial that ran it; beside a taller one stand all trials that took it over. </>}{trials.length > sharing.length && `${plural(trials.length - sharing.length, "trial")} share${trials.length - sharing.length === 1 ? "s" : ""} no stage with another.`}{total > trials.length && ` Of the latest ${amount(trials.length)} trials.`}</p>
        </section>
    );
}

function StageCell({ v, s, t, shared }: { v: StudyView; s: Stage; t: Staged; shared: boolean }) {
    const more = s.from.slice(1);
    return (
        <>
            <span class="mono">{Object.entries(s.params).map(([k, x]) => `${k}=${shown(x)}`).join(" ")}</span>
            <span class="quiet block figures">{s.trial !== t.trial || shared ? <>run by <a href={toTrial(v.name, s.trial)}>trial {s.trial}</a>, </> : ""}{s.cost ? `${amount(s.cost)} ${costName(v)}` : duration(s.took_ms)}{s.digest ? `, ${bytes(s.bytes)}${s.kept ? "" : ", no longer kept"}` : ""}{more.length ? `; takes ${more.join(", ")}, too` : ""}</span>
        </>
    );
}
