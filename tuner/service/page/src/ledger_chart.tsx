/* The ledger: what has been spent, as it came, in tokens and in trials. */
import { line } from "./chart";
import { Figure } from "./figure";
import type { StudyView } from "./study";
import { amount } from "./words";

export function LedgerChart({ v }: { v: StudyView }) {
    const t = v.trials.value, rows = Array.from({ length: t.n }, (_, row) => row).filter((row) => Number.isFinite(t.finished[row])).sort((a, b) => t.finished[a]! - t.finished[b]!);
    if (rows.length < 2) return null;
    let tokens = 0, confirmed = 0;
    const spent: [number, number][] = [], trials: [number, number][] = [];
    rows.forEach((row, i) => {
        const own = Number.isFinite(t.charged[row]) ? t.charged[row]! : (t.metrics.get("tokens")?.[row] ?? 0);
        tokens += Number.isFinite(own) ? own : 0;
        if (t.role[row] === "confirm" && Number.isFinite(own)) confirmed += own;
        spent.push([t.finished[row]!, tokens]);
        trials.push([t.finished[row]!, i + 1]);
    });
    const limit = v.study.value!.budgets.find((b) => b.budget === "tokens")?.limit, counts = tokens > 0;
    return (
        <Figure name="ledger" view={v} label={`spent over time: ${amount(tokens)} tokens, ${rows.length} trials`}
            title={counts ? `${amount(tokens)} tokens spent${confirmed > 0 ? `, ${Math.round((100 * confirmed) / tokens)} % of them to confirm` : ""}` : `${rows.length} trials ended`}
            caption={counts ? `Tokens of ended trials, added up as they ended.${limit ? ` The budget is ${amount(limit)}.` : ""}` : "Ended trials, added up."}
            picture={(c) => ({
                x: { name: "", kind: "time" }, y: { name: counts ? "tokens" : "trials", kind: "number", min: 0 },
                series: [line("spent", counts ? spent : trials, c.ink, { step: "end" }), ...(limit && counts && limit < 3 * tokens ? [line("limit", [[spent[0]![0], limit], [spent[spent.length - 1]![0], limit]], c.quiet, { lineStyle: { color: c.quiet, type: "dashed", width: 1 } })] : [])],
            })}
            numbers={() => ({ head: ["trial", "ended", "tokens in all"], rows: rows.map((row, i) => [t.number[row]!, new Date(t.finished[row]!).toISOString(), spent[i]![1]]) })} />
    );
}
