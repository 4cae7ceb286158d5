/* Timeline: which trial ran when, one lane for each that ran at the same time, from the log's events. */
import { useRef, useEffect, useState } from "preact/hooks";
import type { Event } from "./api";
import { markOf } from "./chart";
import { readout } from "./readout";
import { choose } from "./route";
import type { StudyView } from "./study";
import { colours } from "./theme";
import { clock, duration, percent, plural, type State } from "./words";

interface Span { trial: number; from: number; to: number; state: State; lane: number }

const LANE_PX = 22, AXIS_PX = 24, LANES_MAX = 64;

/* From leased to the end of that attempt; what has no end yet runs until now. */
function spansOf(events: Event[], stateOf: (trial: number) => State, now: number): Span[] {
    const open = new Map<number, number>(), spans: Span[] = [];
    for (const e of events) {
        if (e.trial === undefined) continue;
        if (e.event === "leased") open.set(e.trial, e.at_ms);
        else if (["finished", "returned", "staged"].includes(e.event) && open.has(e.trial)) {
            spans.push({ trial: e.trial, from: open.get(e.trial)!, to: e.at_ms, state: e.event === "finished" ? stateOf(e.trial) : "queued", lane: 0 });
            open.delete(e.trial);
        }
    }
    for (const [trial, from] of open) spans.push({ trial, from, to: now, state: "running", lane: 0 });
    const free: number[] = [];
    for (const s of spans.sort((a, b) => a.from - b.from)) {
        const lane = free.findIndex((until) => until <= s.from + 5);
        s.lane = lane >= 0 ? lane : free.length;
        free[s.lane] = s.to;
    }
    return spans;
}

export function Timeline({ v }: { v: StudyView }) {
    const canvas = useRef<HTMLCanvasElement>(null), [width, setWidth] = useState(0), c = colours.value, t = v.trials.value, events = v.events.value;
    const last = events[events.length - 1]?.at_ms ?? 0, now = v.study.value!.running ? Date.now() : last;
    const spans = spansOf(events, (n) => t.state[t.row.get(n) ?? -1] ?? "complete", now).filter((s) => s.lane < LANES_MAX);
    const lanes = spans.reduce((n, s) => Math.max(n, s.lane + 1), 0), from = spans[0]?.from ?? 0, to = spans.reduce((m, s) => Math.max(m, s.to), from + 1), height = Math.max(1, lanes) * LANE_PX + AXIS_PX;
    const busy = spans.reduce((sum, s) => sum + s.to - s.from, 0), x = (ms: number): number => ((ms - from) / (to - from)) * width;
    useEffect(() => {
        const el = canvas.current!.parentElement!, sized = new ResizeObserver(() => setWidth(el.clientWidth));
        sized.observe(el);
        return () => sized.disconnect();
    }, []);
    useEffect(() => {
        const el = canvas.current!, pen = el.getContext("2d")!, scale = devicePixelRatio || 1;
        el.width = width * scale;
        el.height = height * scale;
        el.style.height = `${height}px`;
        pen.scale(scale, scale);
        pen.font = "12px system-ui, sans-serif";
        for (const s of spans) {
            const m = markOf(s.state, c), left = x(s.from), wide = Math.max(1.5, x(s.to) - left - 1), y = s.lane * LANE_PX + 2;
            pen.fillStyle = s.state === "pruned" || s.state === "queued" ? c.page : m.fill === "transparent" ? m.line : s.state === "infeasible" ? c.page : m.fill;
            pen.fillRect(left, y, wide, LANE_PX - 5);
            if (s.state === "pruned" || s.state === "queued" || s.state === "infeasible") {
                pen.strokeStyle = m.line;
                pen.strokeRect(left + 0.5, y + 0.5, Math.max(1, wide - 1), LANE_PX - 6);
            }
            if (wide > 26) {
                pen.fillStyle = s.state === "pruned" || s.state === "queued" || s.state === "infeasible" ? c.quiet : c.page;
                pen.fillText(String(s.trial), left + 4, y + 13);
            }
        }
        pen.fillStyle = c.quiet;
        for (let i = 0, n = Math.max(2, Math.min(8, Math.floor(width / 110))); i < n; i++) {
            const at = from + ((to - from) * i) / (n - 1);
            pen.textAlign = i === 0 ? "left" : i === n - 1 ? "right" : "center";
            pen.fillText(clock(at, now), x(at), height - 6);
        }
    });
    const at = (e: MouseEvent, sticks: boolean): void => {
        const box = canvas.current!.getBoundingClientRect(), px = e.clientX - box.left, lane = Math.floor((e.clientY - box.top) / LANE_PX);
        const found = spans.find((s) => s.lane === lane && x(s.from) - 1 <= px && px <= Math.max(x(s.to), x(s.from) + 3));
        if (found) readout.value = { on: canvas.current!, x: px, y: e.clientY - box.top, view: v, trial: found.trial, sticks };
        else if (!readout.value?.sticks || sticks) readout.value = null;
        if (found && sticks) choose({ t: String(found.trial) });
    };
    return (
        <figure class="chart" data-figure="timeline">
            <h3>{spans.length ? `${plural(lanes, "trial")} at a time, busy ${percent(Math.min(1, busy / (lanes * (to - from))))} of ${duration(to - from)}` : "Nothing has run yet"}</h3>
            <div class="lanes"><canvas ref={canvas} role="img" data-points={spans.length} aria-label={`Timeline of ${spans.length} attempts in ${lanes} lanes`} onPointerMove={(e) => e.pointerType !== "touch" && !readout.value?.sticks && at(e, false)} onPointerLeave={() => readout.value?.sticks || (readout.value = null)} onClick={(e) => at(e, true)} /></div>
            <figcaption>An attempt a bar, its trial's number in it. Filled: complete; hollow: stopped early, or to go on later; red: failed; ochre: running. Gaps: nothing ran there.</figcaption>
        </figure>
    );
}
