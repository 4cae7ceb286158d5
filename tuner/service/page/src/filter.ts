/* The filter of the table, as people type it and addresses keep it:
 *     em>0.6 tokens<2M state:pruned lr:1e-3..3e-3 source:sobol -state:failed "out of memory"
 * Terms stand for "and"; a minus in front for "not". A number may end with k, M, G. name=value compares texts, too; a
 * word that is no term is looked for in the reason, the source and the role. */
import type { Trials } from "./columns";
import { STATE_WORDS, shown } from "./words";

type Keep = (row: number) => boolean;
export interface Filter { keep: Keep; problem: string }

const UNIT: Record<string, number> = { k: 1e3, M: 1e6, G: 1e9 };

function number(text: string): number {
    const m = /^([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)([kMG%]?)$/i.exec(text.replace(/\u2212/g, "-"));
    if (!m) return NaN;
    return Number(m[1]) * (m[2] === "%" ? 0.01 : (UNIT[m[2] ?? ""] ?? 1));
}

/* What a name stands for: its value in a row. undefined: there is no such name. */
function valueOf(t: Trials, name: string): ((row: number) => unknown) | undefined {
    const metric = t.metrics.get(name), param = t.params.get(name);
    if (metric) return (row) => metric[row];
    if (param) return (row) => param[row];
    switch (name) {
        case "trial": return (row) => t.number[row];
        case "state": return (row) => t.state[row];
        case "role": return (row) => t.role[row];
        case "source": return (row) => t.source[row];
        case "utility": return (row) => t.utility[row];
        case "charged": return (row) => t.charged[row];
        case "attempts": return (row) => t.attempts[row];
        case "reason": return (row) => t.reason[row] ?? "";
        case "minutes": return (row) => (t.finished[row]! - t.began[row]!) / 60_000;
        default: return undefined;
    }
}

function compares(op: string, wanted: string): (v: unknown) => boolean {
    const range = /^(.*)\.\.(.*)$/.exec(wanted);
    if (range && op === ":") {
        const lo = range[1] === "" ? -Infinity : number(range[1]!), hi = range[2] === "" ? Infinity : number(range[2]!);
        return (v) => typeof v === "number" && v >= lo && v <= hi;
    }
    const n = number(wanted);
    switch (op) {
        case ">": return (v) => typeof v === "number" && v > n;
        case "<": return (v) => typeof v === "number" && v < n;
        case ">=": return (v) => typeof v === "number" && v >= n;
        case "<=": return (v) => typeof v === "number" && v <= n;
        default: {
            const word = wanted.toLowerCase();
            return (v) => (typeof v === "number" && !Number.isNaN(n) ? Math.abs(v - n) <= 1e-6 * Math.abs(n) : shown(v).toLowerCase() === word || (op === ":" && shown(v).toLowerCase().includes(word)));
        }
    }
}

function termOf(t: Trials, text: string): Keep | string {
    const m = /^([^<>=:\s]+?)(>=|<=|[<>=:])(.+)$/.exec(text);
    if (!m) {
        const word = text.replace(/"/g, "").toLowerCase();
        return (row) => `${t.reason[row] ?? ""} ${t.source[row]} ${t.role[row]} ${t.state[row]} ${STATE_WORDS[t.state[row]!]}`.toLowerCase().includes(word);
    }
    const [, name = "", op = "", wanted = ""] = m, value = valueOf(t, name);
    if (!value) return `there is no '${name}' here; there are trial, state, role, source, reason, utility, charged, attempts, minutes, ${[...t.metrics.keys(), ...t.params.keys()].join(", ")}`;
    if (/[<>]/.test(op) && Number.isNaN(number(wanted))) return `'${wanted}' is no number`;
    const holds = compares(op, wanted.replace(/^"|"$/g, ""));
    return (row) => holds(value(row));
}

export function filterOf(t: Trials, text: string): Filter {
    const terms: Keep[] = [];
    for (const part of text.match(/-?(?:[^\s"]+"[^"]*"|"[^"]*"|\S+)/g) ?? []) {
        const not = part.startsWith("-") && part.length > 1, term = termOf(t, not ? part.slice(1) : part);
        if (typeof term === "string") return { keep: () => true, problem: term };
        terms.push(not ? (row) => !term(row) : term);
    }
    return { keep: (row) => terms.every((term) => term(row)), problem: "" };
}
