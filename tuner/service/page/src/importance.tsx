/* What matters: the share of each parameter in what a metric does over the range that was searched, with its interval;
 * and which settings around the winner make no difference. */
import { useEffect, useState } from "preact/hooks";
import { api, type Importance } from "./api";
import type { StudyView } from "./study";
import { capital, minus, percent, plural, shown } from "./words";

const ROWS_MAX = 12;

type Row = Importance["metrics"][string][number] & { share: number };

/* " (40 %, 20 to 60 %)"; of those whose interval is unknown only the share */
const sure = (r: Row, to: string): string => (r.low === null || r.high === null ? "" : `${percent(r.low)}${to}${percent(r.high)}`);
const searched = (r: Row): string => (r.range.length === 2 && r.range.every((x) => typeof x === "number") ? r.range.map(shown).join(" to ") : r.range.slice(0, 4).map(shown).join(", "));
const around = (f: Importance["flat"][number]): string => (f.values ? f.values.map(shown).join(", ") : `from ${shown(f.low)} to ${shown(f.high)}`);

/* Anew when the study has gone on by a tenth. */
export function ImportanceBars({ v }: { v: StudyView }) {
    const [found, setFound] = useState<Importance | null>(null), [said, setSaid] = useState("asking the model …"), complete = v.study.value!.states.complete, stage = Math.floor(Math.log(complete + 1) / Math.log(1.1));
    useEffect(() => {
        let late = false;
        api.importance(v.name).then((i) => { if (!late) (setFound(i), setSaid("")); })
            .catch((e: Error) => { if (!late) setSaid(capital(e.message.replace(/^study '[^']*': /, ""))); });
        return () => void (late = true);
    }, [v, stage]);
    const metrics = found ? Object.entries(found.metrics).map(([name, rows]): [string, Row[]] => [name, rows.filter((r): r is Row => r.share !== null)]).filter(([, rows]) => rows.length) : [];
    return (
        <section data-part="importance">
            <h2>What matters</h2>
            {!metrics.length && <p class="quiet" role="status">{said || "Nothing can be told apart yet."}</p>}
            {metrics.length > 0 && <p class="lead">{metrics.slice(0, 3).map(([name, rows], i) => { const top = [...rows].sort((a, b) => b.share - a.share)[0]!; return <>{i > 0 && "; "}<b>{top.parameter}</b> decides {name} ({[percent(top.share), sure(top, " to ")].filter(Boolean).join(", ")})</>; })}.</p>}
            {found && found.flat.length > 0 && <p>Around the winner it is all the same: {found.flat.map((f, i) => <>{i > 0 && "; "}<b>{f.parameter}</b> {around(f)}</>)}.</p>}
            <div class="importance">{metrics.map(([name, rows]) => (
                <div key={name} data-metric={name}>
                    <h3>{name}{found!.quality[name]?.r2 != null && <span class="quiet"> · trials left out are predicted with R² {minus(found!.quality[name]!.r2!.toFixed(2))}</span>}</h3>
                    {found!.notes[name] && <p class="quiet">{found!.notes[name]}</p>}
                    <table><tbody>{[...rows].sort((a, b) => b.share - a.share).slice(0, ROWS_MAX).map((r) => (
                        <tr key={r.parameter}><th scope="row" class="mono">{r.parameter}<span class="quiet block">{searched(r)}</span></th>
                            <td class="share"><svg viewBox="0 0 100 20" preserveAspectRatio="none" role="img" aria-label={[percent(r.share), sure(r, " to ")].filter(Boolean).join(", ")}><rect class="share-bar" y="7" height="6" width={Math.max(0.3, Math.min(100, r.share * 100))} />{r.low !== null && r.high !== null && <line class="share-span" vector-effect="non-scaling-stroke" x1={Math.max(0, r.low * 100)} x2={Math.min(100, r.high * 100)} y1="10" y2="10" />}</svg></td>
                            <td class="right figures">{percent(r.share)}<span class="quiet block">{sure(r, "–")}</span></td></tr>
                    ))}</tbody></table>
                </div>
            ))}</div>
            {metrics.length > 0 && <p class="caption">Share of what the parameter does to the metric over the range searched, written under its name; blue: the interval. {found!.method}, n = {plural(found!.trials, "trial")}. Another range gives other shares.</p>}
        </section>
    );
}
