/* The list of trials: as many rows as there are, of which some thirty are in the page; filter, order and columns are in
 * the address. Keys: arrows or j k move, Home, End, Page keys, Enter opens. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Trials } from "./columns";
import { filterOf } from "./filter";
import { csv, save } from "./figure";
import { Mark } from "./mark";
import { choice, choose, go, toTrial } from "./route";
import type { StudyView } from "./study";
import { amount, duration, plural, shown, STATE_WORDS } from "./words";

const BESIDE = 8; /* rows above and below those that are seen */

interface Column { name: string; right: boolean; value: (t: Trials, row: number) => number | string; text: (t: Trials, row: number) => preact.ComponentChildren; width: string }

const number = (name: string, of: (t: Trials, row: number) => number, text: (v: number) => string = amount, width = "6.5rem"): Column => ({ name, right: true, value: of, text: (t, row) => (Number.isFinite(of(t, row)) ? text(of(t, row)) : "–"), width });

function columnsOf(v: StudyView): Column[] {
    const t = v.trials.value;
    return [
        number("trial", (x, row) => x.number[row]!, String, "4.5rem"),
        { name: "state", right: false, value: (x, row) => x.state[row]!, text: (x, row) => (x.breaks[row] ? <span title="complete, and breaks a constraint as it was measured"><Mark state="infeasible" /> breaks a constraint</span> : <><Mark state={x.state[row]!} /> {STATE_WORDS[x.state[row]!]}</>), width: t.breaks.some(Boolean) ? "13rem" : "9.5rem" },
        ...[...t.metrics.keys()].map((m) => number(m, (x, row) => x.metrics.get(m)?.[row] ?? NaN)),
        number("utility", (x, row) => x.utility[row]!, (u) => (u > 0 ? "+" : "") + amount(u), "7.5rem"),
        ...v.parameters.value.map((p): Column => ({
            name: p.name, right: p.type === "int" || p.type === "float",
            value: (x, row) => { const a = x.params.get(p.name)?.[row]; return typeof a === "number" ? a : a === undefined || a === null ? NaN : shown(a); },
            text: (x, row) => shown(x.params.get(p.name)?.[row]), width: "7rem",
        })),
        ...(t.charged.some((c) => Number.isFinite(c)) ? [number("charged", (x, row) => x.charged[row]!)] : []),
        number("took", (x, row) => x.finished[row]! - x.began[row]!, duration),
        ...["role", "source"].map((name): Column => ({ name, right: false, value: (x, row) => x[name as "role" | "source"][row]!, text: (x, row) => x[name as "role" | "source"][row]!, width: name === "role" ? "6rem" : "12rem" })),
        { name: "reason", right: false, value: (x, row) => x.reason[row] ?? "", text: (x, row) => x.reason[row] ?? "", width: "minmax(24rem, 1fr)" },
    ];
}

/* Which are shown: those of the address, or all that say something; on a phone the first few. */
function shownColumns(all: Column[], t: Trials): Column[] {
    const wanted = choice("cols").split(",").filter(Boolean);
    if (wanted.length) return wanted.map((n) => all.find((c) => c.name === n)).filter((c): c is Column => c !== undefined);
    return all.filter((c) => c.name !== "took" || t.began.some((b) => Number.isFinite(b))).filter((c) => c.name !== "charged");
}

/* Terms of the filter that this study understands. */
function examples(v: StudyView): string[] {
    const m = v.metrics.value[0], p = v.parameters.value.find((x) => x.range), best = v.study.value?.best?.metrics[m?.name ?? ""];
    return [m && `${m.name}${m.goal === "maximize" ? ">" : "<"}${Number((best ?? 0.5).toPrecision(2))}`, "state:pruned", p?.range && `${p.name}:${p.range[0]}..${Number(((p.scale === "log" ? Math.sqrt(p.range[0] * p.range[1]) : (p.range[0] + p.range[1]) / 2)).toPrecision(2))}`, "-role:confirm"].filter((x): x is string => Boolean(x));
}

export function Table({ v }: { v: StudyView }) {
    const t = v.trials.value, all = columnsOf(v), columns = shownColumns(all, t), text = choice("f"), sort = choice("sort");
    const descending = sort.startsWith("-"), by = all.find((c) => c.name === sort.replace(/^-/, "")), filter = filterOf(t, text);
    const rows = useMemo(() => {
        const kept: number[] = [];
        for (let row = 0; row < t.n; row++) if (filter.keep(row)) kept.push(row);
        if (!by) return kept;
        const keys = kept.map((row) => by.value(t, row)), order = kept.map((_, i) => i), sense = descending ? -1 : 1;
        const empty = (k: number | string): boolean => k === "" || (typeof k === "number" && Number.isNaN(k));
        order.sort((a, b) => { /* what has none comes last, either way */
            const p = keys[a]!, q = keys[b]!;
            if (empty(p) || empty(q)) return Number(empty(p)) - Number(empty(q)) || a - b;
            return (typeof p === "number" && typeof q === "number" ? p - q : String(p).localeCompare(String(q))) * sense || a - b;
        });
        return order.map((i) => kept[i]!);
    }, [t, text, sort]);
    return (
        <section data-part="table">
            <div class="table-head">
                <label class="filter"><span class="hidden">Filter</span>
                    <input id="filter" type="search" value={text} placeholder={examples(v).slice(0, 2).join(" ")} spellcheck={false} autocomplete="off" aria-describedby="filter-help" onInput={(e) => choose({ f: e.currentTarget.value })} /></label>
                <span class="quiet" role="status">{rows.length === t.n ? plural(t.n, "trial") : `${amount(rows.length)} of ${plural(t.n, "trial")}`}</span>
                <Columns all={all} shown={columns} />
                <button class="plain" onClick={() => save(`${v.name}-trials.csv`, csv({ head: all.map((c) => c.name), rows: rows.map((row) => all.map((c) => c.value(t, row))) }))}>save as CSV</button>
            </div>
            <p id="filter-help" class={filter.problem ? "wrong" : "quiet small"}>{filter.problem || <>Terms: {examples(v).map((e) => <><code>{e}</code> </>)}or a word of the reason.</>}</p>
            <Grid v={v} t={t} columns={columns} rows={rows} sort={sort} />
        </section>
    );
}

function Columns({ all, shown }: { all: Column[]; shown: Column[] }) {
    return (
        <details class="menu"><summary>Columns</summary>
            <div>{all.map((c) => <label key={c.name}><input type="checkbox" checked={shown.includes(c)} onChange={(e) => {
                const on = e.currentTarget.checked;
                choose({ cols: all.filter((x) => (x === c ? on : shown.includes(x))).map((x) => x.name).join(",") });
            }} /> {c.name}</label>)}<button class="plain" onClick={() => choose({ cols: "" })}>as usual</button></div>
        </details>
    );
}

function Grid({ v, t, columns, rows, sort }: { v: StudyView; t: Trials; columns: Column[]; rows: number[]; sort: string }) {
    const at = useRef<HTMLDivElement>(null), [top, setTop] = useState(0), [tall, setTall] = useState(600), coarse = matchMedia("(pointer: coarse)").matches, height = coarse ? 44 : 32;
    const chosen = Number(choice("t") || NaN), here = rows.findIndex((row) => t.number[row] === chosen), template = columns.map((c) => c.width).join(" ");
    useEffect(() => {
        const el = at.current!, sized = new ResizeObserver(() => setTall(el.clientHeight));
        sized.observe(el);
        return () => sized.disconnect();
    }, []);
    useEffect(() => {
        if (here < 0) return;
        const el = at.current!, y = here * height;
        if (y < el.scrollTop) el.scrollTop = y;
        else if (y + 2 * height > el.scrollTop + el.clientHeight) el.scrollTop = y + 2 * height - el.clientHeight;
    }, [chosen]);
    const first = Math.max(0, Math.floor(top / height) - BESIDE), last = Math.min(rows.length, Math.ceil((top + tall) / height) + BESIDE);
    const winner = v.study.value?.best?.trial;
    const onKey = (e: KeyboardEvent): void => {
        const page = Math.max(1, Math.floor(tall / height) - 2), to = { ArrowDown: here + 1, j: here + 1, ArrowUp: here - 1, k: here - 1, Home: 0, End: rows.length - 1, PageDown: here + page, PageUp: here - page }[e.key];
        if (e.key === "Enter" && here >= 0) go(toTrial(v.name, chosen));
        if (to === undefined || !rows.length) return;
        e.preventDefault();
        choose({ t: String(t.number[rows[Math.max(0, Math.min(rows.length - 1, to))]!]) });
    };
    return (
        <div ref={at} class="grid" role="grid" aria-rowcount={rows.length + 1} aria-colcount={columns.length} aria-label="Trials" tabIndex={0} aria-activedescendant={here >= 0 ? `row-${chosen}` : undefined}
            onScroll={(e) => setTop(e.currentTarget.scrollTop)} onKeyDown={onKey}>
            <div class="grid-row grid-names" role="row" aria-rowindex={1} ref={(el) => void (el && (el.style.gridTemplateColumns = template))}>
                {columns.map((c) => {
                    const on = sort.replace(/^-/, "") === c.name, down = sort.startsWith("-");
                    return <div key={c.name} role="columnheader" aria-sort={on ? (down ? "descending" : "ascending") : "none"} class={c.right ? "right" : ""}>
                        <button tabIndex={-1} class="sort" onClick={() => choose({ sort: on ? (down ? "" : `-${c.name}`) : c.name })}>{c.name}{on ? (down ? " ↓" : " ↑") : ""}</button></div>;
                })}
            </div>
            <div class="grid-room" role="rowgroup" ref={(el) => void (el && (el.style.height = `${rows.length * height}px`))}>
                {rows.slice(first, last).map((row, i) => {
                    const n = t.number[row]!;
                    return (
                        <div key={n} id={`row-${n}`} role="row" aria-rowindex={first + i + 2} aria-selected={n === chosen} class={`grid-row${n === winner ? " winner" : ""}`}
                            ref={(el) => { if (el) (el.style.gridTemplateColumns = template), (el.style.transform = `translateY(${(first + i) * height}px)`); }}
                            onClick={() => choose({ t: String(n) })} onDblClick={() => go(toTrial(v.name, n))}>
                            {columns.map((c) => <div key={c.name} role="gridcell" class={c.right ? "right figures" : ""}>{c.name === "trial" ? <a href={toTrial(v.name, n)} tabIndex={-1}>{n === winner ? "★ " : ""}{n}</a> : c.text(t, row)}</div>)}
                        </div>
                    );
                })}
            </div>
            {!rows.length && <p class="empty">No trial is like that.</p>}
        </div>
    );
}
