/* Lanes: what ran when, a bar an attempt, a lane for each that ran at the same time; in groups with a name, as the agents
 * of a fleet, or in one without. */
import { useEffect, useRef } from "preact/hooks";
import type { Event } from "./api";
import { markOf } from "./series";
import { colours } from "./theme";
import { useWidth } from "./width";
import { clock, clockWithSeconds, type State } from "./words";

export interface Span { study: string; trial: number; agent: string; from: number; to: number; state: State | "lost" }
export interface Group { name: string; lanes: Span[][] }

const FAILED = new Set(["crashed", "failed", "timed out", "not started"]); /* otherwise it was cut off, and runs again */
const LANE_PX = 22, AXIS_PX = 24, NAME_PX = 18, LABEL_PX = 110, BRIEF_MS = 600_000;

/* From leased to the end of that attempt; what has no end yet runs until now. `stateOf`: what became of a trial. */
export function spansOf(study: string, events: Event[], now: number, stateOf: (trial: number) => State | undefined): Span[] {
    const open = new Map<number, Span>(), spans: Span[] = [];
    for (const e of events) {
        if (e.trial === undefined) continue;
        const s = open.get(e.trial);
        if (e.event === "leased") open.set(e.trial, { study, trial: e.trial, agent: typeof e.body.agent === "string" ? e.body.agent : "", from: e.at_ms, to: now, state: "running" });
        else if (s && ["finished", "returned", "staged"].includes(e.event)) {
            s.to = e.at_ms;
            s.state = e.event === "returned" ? (FAILED.has(String(e.body.outcome)) ? "failed" : "lost") : (stateOf(e.trial) ?? "complete");
            spans.push(s);
            open.delete(e.trial);
        }
    }
    return [...spans, ...open.values()].sort((a, b) => a.from - b.from);
}

export function lanesOf(spans: Span[], least = 0): Span[][] {
    const lanes: Span[][] = Array.from({ length: least }, () => []);
    for (const s of spans) {
        const free = lanes.find((l) => !l.length || l[l.length - 1]!.to <= s.from + 5);
        if (free) free.push(s);
        else lanes.push([s]);
    }
    return lanes;
}

interface Props { groups: Group[]; from: number; to: number; label: string; say: (s: Span) => string; onFind: (s: Span | null, at: { on: Element; x: number; y: number }, chosen: boolean) => void }

export function Lanes({ groups, from, to, label, say, onFind }: Props) {
    const canvas = useRef<HTMLCanvasElement>(null), [room, width] = useWidth<HTMLDivElement>(0), c = colours.value;
    const named = groups.some((g) => g.name), rows = groups.flatMap((g) => g.lanes.map((spans, i) => ({ name: i ? "" : g.name, spans }))), tops: number[] = [];
    let height = 0;
    for (const r of rows) { height += named && r.name ? NAME_PX : 0; tops.push(height); height += LANE_PX; }
    height += AXIS_PX;
    const x = (ms: number): number => ((ms - from) / Math.max(1, to - from)) * width, said = to - from < BRIEF_MS ? clockWithSeconds : (ms: number) => clock(ms, to);
    useEffect(() => {
        const el = canvas.current!, pen = el.getContext("2d")!, scale = devicePixelRatio || 1;
        el.width = width * scale;
        el.height = height * scale;
        el.style.height = `${height}px`;
        pen.scale(scale, scale);
        pen.font = "12px system-ui, sans-serif";
        rows.forEach((r, i) => {
            const y = tops[i]! + 2;
            if (named) {
                pen.fillStyle = c.ink;
                if (r.name) pen.fillText(r.name, 0, tops[i]! - 4);
                pen.fillStyle = c.surface;
                pen.fillRect(0, y, width, LANE_PX - 5);
            }
            for (const s of r.spans) bar(s, y);
        });
        pen.fillStyle = c.quiet;
        for (let i = 0, n = Math.max(2, Math.min(12, Math.floor(width / LABEL_PX))); i < n; i++) {
            const at = from + ((to - from) * i) / (n - 1);
            pen.textAlign = i === 0 ? "left" : i === n - 1 ? "right" : "center";
            pen.fillText(said(at), x(at), height - 6);
        }

        function bar(s: Span, y: number): void {
            const m = markOf(s.state, c), hollow = ["pruned", "queued", "infeasible", "lost"].includes(s.state), left = Math.max(0, x(s.from)), wide = Math.max(1.5, x(s.to) - left - 1), text = say(s);
            pen.fillStyle = hollow ? c.page : m.fill === "transparent" ? m.line : m.fill;
            pen.fillRect(left, y, wide, LANE_PX - 5);
            if (hollow) {
                pen.strokeStyle = m.line;
                pen.setLineDash(s.state === "lost" ? [3, 2] : []);
                pen.strokeRect(left + 0.5, y + 0.5, Math.max(1, wide - 1), LANE_PX - 6);
            }
            if (pen.measureText(text).width + 8 > wide) return;
            pen.fillStyle = hollow ? c.quiet : c.page;
            pen.fillText(text, left + 4, y + 13);
        }
    });
    const find = (e: MouseEvent, chosen: boolean): void => {
        const box = canvas.current!.getBoundingClientRect(), px = e.clientX - box.left, py = e.clientY - box.top, row = rows[tops.findIndex((top) => top <= py && py < top + LANE_PX)];
        onFind(row?.spans.find((s) => x(s.from) - 1 <= px && px <= Math.max(x(s.to), x(s.from) + 3)) ?? null, { on: canvas.current!, x: px, y: py }, chosen);
    };
    return (
        <div class="lanes" ref={room} tabIndex={0} role="group" aria-label={label}><canvas ref={canvas} role="img" data-points={rows.reduce((n, r) => n + r.spans.length, 0)} aria-label={label} onPointerMove={(e) => e.pointerType !== "touch" && find(e, false)} onPointerLeave={() => onFind(null, { on: canvas.current!, x: 0, y: 0 }, false)} onClick={(e) => find(e, true)} /></div>
    );
}
