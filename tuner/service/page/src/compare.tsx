/* Studies beside each other: best so far by trial, and what each found. */
import { useEffect, useState } from "preact/hooks";
import { Figure } from "./figure";
import { Choice } from "./history_chart";
import { Mark } from "./mark";
import { choice, toStudy } from "./route";
import { line } from "./series";
import { costName, openStudy, type StudyView } from "./study";
import type { Colours } from "./theme";
import { amount, plural } from "./words";
import { headWord, phaseSentence } from "./verdict";

const STUDIES_MAX = 6, DASHES = ["solid", "dashed", "dotted"] as const;

function bestSoFar(v: StudyView, name: string): [number, number][] {
    const t = v.trials.value, column = name === "utility" ? t.utility : (t.metrics.get(name) ?? []), least = v.metrics.value.find((m) => m.name === name)?.goal === "minimize", points: [number, number][] = [];
    let top = NaN, n = 0;
    for (let row = 0; row < t.n; row++) {
        if (t.role[row] === "confirm") continue;
        n++;
        const y = column[row]!;
        if (t.state[row] !== "complete" || !Number.isFinite(y) || !(Number.isNaN(top) || (least ? y < top : y > top))) continue;
        if (points.length) points.push([n, top]);
        points.push([n, (top = y)]);
    }
    if (points.length) points.push([n, top]);
    return points;
}

/* The share of complete trials that are as good or better. */
function shares(v: StudyView, name: string): [number, number][] {
    const t = v.trials.value, column = name === "utility" ? t.utility : (t.metrics.get(name) ?? []), values = column.filter((y, row) => t.state[row] === "complete" && t.role[row] !== "confirm" && Number.isFinite(y)).sort((a, b) => a - b), step = Math.max(1, Math.floor(values.length / 500));
    return values.filter((_, i) => i % step === 0 || i === values.length - 1).map((y, i) => [y, Math.min(1, ((i + 1) * step) / values.length)]);
}

export function Compare() {
    const names = choice("s").split(",").filter(Boolean).slice(0, STUDIES_MAX), [views, setViews] = useState<StudyView[]>([]), [name, setName] = useState("utility");
    useEffect(() => {
        const all = names.map(openStudy);
        setViews(all);
        return () => all.forEach((v) => v.close());
    }, [names.join()]);
    const ready = views.filter((v) => v.study.value && !v.reading.value), first = ready[0];
    const shared = first ? ["utility", ...first.metrics.value.map((m) => m.name)].filter((n) => n === "utility" || ready.every((v) => v.trials.value.metrics.has(n))) : [];
    const metric = shared.includes(name) ? name : "utility";
    const style = (i: number, c: Colours, stepped = false) => [[c.ink, c.link, c.quiet][i % 3]!, { dash: DASHES[Math.floor(i / 3) + (i % 3 === 1 ? 1 : 0)] ?? "dotted", width: 1.75, stepped }] as const;
    return (
        <>
            <p class="crumbs"><a href="#/">Studies</a> /</p>
            <h1>Compare {names.join(", ")}</h1>
            {names.length < 2 && <p class="empty">Choose two or more in the list of studies.</p>}
            {views.filter((v) => v.problem.value).map((v) => <p key={v.name} class="look-line">{v.name}: {v.problem.value!.message}</p>)}
            {ready.length > 0 && (
                <div class="wide" tabIndex={0} role="region" aria-label="Studies"><table>
                    <thead><tr><th scope="col">study</th><th scope="col">verdict</th>{shared.filter((m) => m !== "utility").map((m) => <th key={m} scope="col" class="right">{m}</th>)}<th scope="col" class="right">utility</th><th scope="col" class="right">trials</th><th scope="col" class="right">{new Set(ready.map(costName)).size === 1 ? costName(first!) : "spent"} in all</th></tr></thead>
                    <tbody>{ready.map((v, i) => { const s = v.study.value!, b = s.best; return (
                        <tr key={v.name}><th scope="row"><span class={`swatch s${i % 3}`} aria-hidden="true" /><a href={toStudy(v.name)}>{v.name}</a><span class="quiet block">{phaseSentence(s)}</span></th><td class="whole">{b ? <><Mark state="winner" /> {headWord(s, b)}</> : "–"}</td>
                            {shared.filter((m) => m !== "utility").map((m) => <td key={m} class="right figures">{amount(b?.metrics[m])}</td>)}<td class="right figures">{amount(b?.utility)}</td><td class="right figures">{amount(s.trials)}</td><td class="right figures">{amount(s.tokens)}</td></tr>); })}</tbody>
                </table></div>
            )}
            {first && <h2 class="hidden">Charts</h2>}
            {first && (
                <div class="charts">
                    <Figure name="compare" view={first} label={`best ${metric} so far of ${ready.map((v) => v.name).join(", ")}`} title={<>Best {metric} so far, by trial</>} caption={ready.map((v, i) => <span key={v.name} class="legend"><span class={`swatch s${i % 3}`} aria-hidden="true" />{v.name} ({plural(v.trials.value.n, "trial")}) </span>)}
                        picture={(c) => ({ x: { name: "trial", kind: "number", min: 0 }, y: { name: metric, kind: "number" }, series: ready.map((v, i) => line(bestSoFar(v, metric), ...style(i, c))) })}
                        numbers={() => ({ head: ["study", "trial", metric], rows: ready.flatMap((v) => bestSoFar(v, metric).map(([a, b]) => [v.name, a, b])) })}><Choice label="of" value={metric} of={shared} onChange={setName} /></Figure>
                    <Figure name="shares" view={first} label={`distribution of ${metric}`} title={`How their trials are spread over ${metric}`} caption={`Share of complete trials up to a value.`}
                        picture={(c) => ({ x: { name: metric, kind: "number" }, y: { name: "share", kind: "number", min: 0, max: 1 }, series: ready.map((v, i) => line(shares(v, metric), ...style(i, c, true))) })}
                        numbers={() => ({ head: ["study", metric, "share"], rows: ready.flatMap((v) => shares(v, metric).map(([a, b]) => [v.name, a, b])) })} />
                </div>
            )}
        </>
    );
}
