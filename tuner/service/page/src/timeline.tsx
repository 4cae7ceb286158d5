/* Timeline: which trial ran when, from the log's events. */
import { Lanes, lanesOf, spansOf } from "./lanes";
import { readout } from "./readout";
import { choose } from "./route";
import type { StudyView } from "./study";
import { duration, percent, plural } from "./words";

const LANES_MAX = 64;

export function Timeline({ v }: { v: StudyView }) {
    const t = v.trials.value, events = v.events.value, now = v.study.value!.running ? Date.now() : (events[events.length - 1]?.at_ms ?? 0);
    const spans = spansOf(v.name, events, now, (n) => t.state[t.row.get(n) ?? -1]), lanes = lanesOf(spans).slice(0, LANES_MAX);
    const from = spans[0]?.from ?? 0, to = spans.reduce((m, s) => Math.max(m, s.to), from + 1), busy = lanes.flat().reduce((sum, s) => sum + s.to - s.from, 0);
    if (!spans.length) return <figure class="chart" data-figure="timeline"><h3>Nothing has run yet</h3></figure>;
    return (
        <figure class="chart" data-figure="timeline">
            <h3>{plural(lanes.length, "trial")} at a time, busy {percent(Math.min(1, busy / (lanes.length * (to - from))))} of {duration(to - from)}</h3>
            <Lanes groups={[{ name: "", lanes }]} from={from} to={to} label={`Timeline of ${spans.length} attempts in ${lanes.length} lanes`} say={(s) => String(s.trial)}
                onFind={(s, at, chosen) => {
                    if (s && (chosen || !readout.value?.sticks)) readout.value = { ...at, view: v, trial: s.trial, sticks: chosen };
                    else if (!s && (chosen || !readout.value?.sticks)) readout.value = null;
                    if (s && chosen) choose({ t: String(s.trial) });
                }} />
            <figcaption>An attempt a bar, its trial's number in it. Filled: complete; hollow: stopped early; dashed: lost, run again; red: failed; ochre: running. Gaps: nothing ran there.</figcaption>
        </figure>
    );
}
