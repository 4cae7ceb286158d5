/* What happened, the latest first, in sentences; machines read the same in /log. */
import { useState } from "preact/hooks";
import type { Event } from "./api";
import { toTrial } from "./route";
import type { StudyView } from "./study";
import { amount, clockWithSeconds, plural, shown, whole } from "./words";

const SHOWN = 100, ROUTINE = new Set(["leased", "started", "renewed", "checkpoint", "announced"]);

export function sentence(e: Event): string {
    const b = e.body, why = typeof b.reason === "string" ? `: ${b.reason}` : "";
    switch (e.event) {
        case "opened": return `a process took the study${b.host ? ` on ${shown(b.host)}` : ""}${b.slots ? `, with ${plural(Number(b.slots), "slot")}` : ""}`;
        case "added": return b.role === undefined || b.role === "search" ? `suggested${typeof b.source === "string" ? ` (${b.source})` : ""}` : `added as ${shown(b.role)}`;
        case "leased": return `an attempt may run${b.agent ? ` at ${shown(b.agent)}` : ""}`;
        case "started": return "the program is up";
        case "condemned": return `told to stop${why}`;
        case "returned": return `ended without a result, and is queued again${why}`;
        case "finished": return `${b.state === undefined ? "complete" : b.state === "pruned" ? "stopped early" : shown(b.state)}${why}${b.metrics ? `, ${Object.entries(b.metrics as Record<string, number>).slice(0, 4).map(([k, v]) => `${k} ${amount(v)}`).join(", ")}` : ""}`;
        case "phase": return `the study is ${shown(b.phase)}${b.why ? `: ${shown(b.why)}` : ""}`;
        case "note": return shown(b.text);
        case "adjusted": return `settings changed${why}`;
        case "checkpoint": return `left a checkpoint at step ${shown(b.step)}`;
        case "announced": return "says which stopping rule it follows";
        case "retried": return "is tried again, as a person asked";
        case "resumed": return `goes on${why}`;
        case "staged": return `stage ${shown(b.stage)} is done`;
        case "evicted": return `a checkpoint is no longer kept: ${shown(b.why)}`;
        default: return e.event;
    }
}

export function Events({ v }: { v: StudyView }) {
    const [all, setAll] = useState(false), [shownN, setShown] = useState(SHOWN), events = v.events.value;
    const kept = events.filter((e) => all || !ROUTINE.has(e.event)), rows = kept.slice(-shownN).reverse();
    return (
        <section data-part="events">
            <h2>What happened</h2>
            <p class="row"><label><input type="checkbox" checked={all} onChange={(e) => setAll(e.currentTarget.checked)} /> leases, starts and checkpoints, too</label><span class="quiet">as of event {v.study.value!.seq}</span></p>
            <ol class="events">{rows.map((e) => (
                <li key={e.seq}><time class="figures quiet" dateTime={new Date(e.at_ms).toISOString()} title={whole(e.at_ms)}>{clockWithSeconds(e.at_ms)}</time><span>{e.trial !== undefined && <><a href={toTrial(v.name, e.trial)}>trial {e.trial}</a> </>}{sentence(e)}</span></li>
            ))}</ol>
            {kept.length > rows.length && <button onClick={() => setShown(shownN + 500)}>Show earlier</button>}
        </section>
    );
}
