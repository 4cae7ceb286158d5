/* The ledger: what has been spent, as it came: tokens, trials, cost, time of slots. */
import { useEffect, useState } from "preact/hooks";
import { api, type Ledger } from "./api";
import { Figure } from "./figure";
import { Choice } from "./history_chart";
import { line } from "./series";
import { costName, type StudyView } from "./study";
import { amount, duration, percent } from "./words";

const KINDS = { tokens: "tokens", trials: "trials", cost: "cost", "slot time": "busy_ms" } as const;
type Kind = keyof typeof KINDS;

/* Of what was spent on trials, by the columns. */
function confirming(v: StudyView, all: number): number {
    const t = v.trials.value;
    return all > 0 ? t.charged.reduce((sum, x, row) => sum + (t.role[row] === "confirm" && Number.isFinite(x) ? x : 0), 0) / all : 0;
}

export function LedgerChart({ v }: { v: StudyView }) {
    const s = v.study.value!, [found, setFound] = useState<Ledger | null>(null), [wanted, setWanted] = useState<Kind | "">("");
    useEffect(() => {
        let late = false;
        api.ledger(v.name).then((l) => { if (!late) setFound(l); }).catch(() => undefined);
        return () => void (late = true);
    }, [v, s.seq]);
    if (!found || found.at_ms.length < 2) return null;
    const sums = (k: Kind): number[] => found[KINDS[k]], last = (k: Kind): number => sums(k)[sums(k).length - 1]!;
    const kinds = (Object.keys(KINDS) as Kind[]).filter((k) => last(k) > 0), kind = kinds.find((k) => k === wanted) ?? kinds[0];
    if (!kind) return null;
    const word = (k: Kind): string => (k === "tokens" ? costName(v) : k), said = kind === "slot time" ? duration : amount, all = last(kind), points = found.at_ms.map((at, i): [number, number] => [at, sums(kind)[i]!]), ends = [points[0]![0], points[points.length - 1]![0]] as const;
    const limit = s.budgets.find((b) => b.budget === kind)?.limit, share = kind === "tokens" ? confirming(v, all) : 0;
    return (
        <Figure name="ledger" view={v} label={`${word(kind)} over time: ${said(all)}`}
            title={kind === "slot time" ? `${said(all)} of slots used` : `${said(all)} ${word(kind)} spent${share > 0 ? `, ${percent(share)} of them to confirm` : ""}`}
            caption={`Of trials that had ended, with all their attempts.${limit ? ` The budget is ${said(limit)}.` : ""}`}
            picture={(c) => ({
                x: { name: "", kind: "time" }, y: { name: word(kind), kind: "number", min: 0, text: said },
                series: [line(points, c.ink, { stepped: true }), ...(limit && limit < 3 * all ? [line(ends.map((at) => [at, limit]), c.quiet, { dash: "dashed", width: 1 })] : [])],
            })}
            numbers={() => ({ head: ["until", ...kinds.map(word)], rows: found.at_ms.map((at, i) => [new Date(at).toISOString(), ...kinds.map((k) => sums(k)[i]!)]) })}>
            <Choice label="of" value={word(kind)} of={kinds.map(word)} onChange={(w) => setWanted(kinds.find((k) => word(k) === w) ?? "")} />
        </Figure>
    );
}
