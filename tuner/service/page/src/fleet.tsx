/* The fleet: who is there, what each does and did, why some are idle, and who has another version than the service. */
import { useEffect, useState } from "preact/hooks";
import { api, Problem, type Agent, type Event, type Study } from "./api";
import { onHappening } from "./live";
import { Lanes, lanesOf, spansOf, type Span } from "./lanes";
import { Mark } from "./mark";
import { go, toStudy, toTrial } from "./route";
import { Told } from "./told";
import { amount, duration, plural, type State } from "./words";

const AGAIN_MS = 2000, EVENTS_MAX = 3000, STUDIES_MAX = 12, AGO_MS = 3_600_000;

interface Seen { agents: Agent[]; slots: number; busy: number; version: string; own: number; open: number; spans: Span[] }

/* What was done for the studies that are at work, or were lately; each log is read on from where it was. */
async function spansSince(logs: Map<string, Event[]>, studies: Study[], since: number): Promise<Span[]> {
    const at = studies.filter((s) => s.seq).sort((a, b) => Number(b.running ?? 0) - Number(a.running ?? 0)).slice(0, STUDIES_MAX);
    await Promise.all(at.map(async (s) => {
        const log = logs.get(s.study) ?? [];
        for (let after = log[log.length - 1]?.seq ?? Math.max(0, s.seq! - EVENTS_MAX); after < s.seq!;) {
            const page = await api.log(s.study, after);
            log.push(...page.events);
            if (page.next === undefined) break;
            after = page.next;
        }
        logs.set(s.study, log.slice(-EVENTS_MAX));
    }));
    return at.flatMap((s) => {
        const log = logs.get(s.study)!, became = new Map<number, State>();
        for (const e of log) if (e.event === "finished") became.set(e.trial!, (e.body.state as State | undefined) ?? "complete");
        return spansOf(s.study, log, s.running ? Date.now() : (log[log.length - 1]?.at_ms ?? 0), (n) => became.get(n));
    }).filter((s) => s.to > since);
}

export function Fleet() {
    const [seen, setSeen] = useState<Seen | null>(null), [problem, setProblem] = useState("");
    useEffect(() => {
        const logs = new Map<string, Event[]>();
        let timer = 0;
        const look = async (): Promise<void> => {
            try {
                const [fleet, service, studies] = await Promise.all([api.agents(), api.service(), api.studies()]);
                const spans = await spansSince(logs, studies.studies, Date.now() - AGO_MS);
                setSeen({ ...fleet, version: service.version, own: service.slots, open: studies.studies.filter((s) => s.phase === "open" && s.hosted && !s.paused).length, spans });
                setProblem("");
            } catch (e) {
                setProblem(e instanceof Problem ? e.message : String(e));
            }
        };
        void look();
        const again = setInterval(() => document.hidden || void look(), 2 * AGAIN_MS);
        const stop = onHappening((h) => { if (h.event !== "report" && !timer) timer = window.setTimeout(() => { timer = 0; void look(); }, AGAIN_MS); });
        return () => { clearInterval(again); clearTimeout(timer); stop(); };
    }, []);
    if (!seen) return <p class="empty">{problem || "reading the agents …"}</p>;
    const skew = seen.agents.filter((a) => a.version && a.version !== seen.version), silent = seen.agents.filter((a) => a.state === "silent");
    const idle = seen.slots - seen.busy;
    return (
        <>
            <h1>Fleet</h1>
            <p class="lead">{seen.slots ? <><b>{seen.busy} of {plural(seen.slots, "slot")}</b> of {plural(seen.agents.length, "agent")} busy.</> : <>No agent is there; this machine has <b>{plural(seen.own, "slot")}</b> of its own.</>} {idle > 0 && seen.slots > 0 && (seen.open ? "The others wait for suggestions, or for a study that they are for." : "The others are idle because no study is at work.")}</p>
            {silent.length > 0 && <p class="look-line"><Mark state="look" /> {silent.map((a) => a.agent).join(", ")} {silent.length === 1 ? "is" : "are"} silent; what they run is given to others when its lease ends.</p>}
            {skew.length > 0 && <p class="look-line"><Mark state="look" /> {plural(skew.length, "agent")} of another version than the service ({seen.version}): {skew.map((a) => `${a.agent} ${a.version}`).join(", ")}</p>}
            {seen.agents.length === 0 && <p class="quiet">An agent joins with <code>nocturne worker --url … --token-file worker.token --slots 4</code>.</p>}
            {seen.agents.length > 0 && (
                <div class="wide" tabIndex={0} role="region" aria-label="Agents"><table class="fleet">
                    <thead><tr><th scope="col">agent</th><th scope="col">slots</th><th scope="col">runs</th><th scope="col" class="right">finished</th><th scope="col" class="right">GPUs</th><th scope="col">host</th><th scope="col">version</th><th scope="col" class="right">heard</th></tr></thead>
                    <tbody>{seen.agents.map((a) => (
                        <tr key={a.agent}><th scope="row"><Mark state={a.state === "silent" ? "stalled" : a.state === "expected" ? "queued" : a.busy ? "running" : "complete"} /> {a.agent}{a.state !== "connected" && <span class="quiet"> {a.state}</span>}</th>
                            <td><Slots busy={a.busy} slots={a.slots} /></td>
                            <td>{a.leases.length ? [...new Set(a.leases.map((l) => l.study))].map((s) => <><a href={toStudy(s)}>{s}</a> </>) : <span class="quiet">{a.state === "silent" ? "not heard" : seen.open ? "waits for a suggestion" : "no study is at work"}</span>}</td>
                            <td class="right figures">{amount(a.finished)}</td><td class="right figures">{a.gpus}</td><td>{a.host ?? ""}{a.job ? <span class="quiet"> job {a.job}</span> : ""}</td><td>{a.version ?? ""}{a.version && a.version !== seen.version ? " !" : ""}</td><td class="right figures">{a.heard_ms_ago === undefined ? "–" : duration(a.heard_ms_ago)}</td></tr>
                    ))}</tbody>
                </table></div>
            )}
            <SlotsOverTime seen={seen} />
            <Told />
        </>
    );
}

/* Slots by time: what each agent ran in the last hour, the slots of this machine among them. */
function SlotsOverTime({ seen }: { seen: Seen }) {
    const now = Date.now(), byAgent = new Map<string, Span[]>(seen.agents.map((a) => [a.agent, []]));
    for (const s of seen.spans) byAgent.set(s.agent, [...(byAgent.get(s.agent) ?? []), s]);
    const groups = [...byAgent].filter(([name, spans]) => name || spans.length).map(([name, spans]) => ({ name: name || "this machine", lanes: lanesOf(spans.sort((a, b) => a.from - b.from), name ? (seen.agents.find((a) => a.agent === name)?.slots ?? 1) : 0) }));
    if (!seen.spans.length) return <p class="quiet">Nothing ran in the last hour.</p>;
    const from = Math.max(now - AGO_MS, Math.min(...seen.spans.map((s) => s.from)));
    return (
        <figure class="chart" data-figure="slots">
            <h2>What ran in the last {from > now - AGO_MS + 1000 ? duration(now - from) : "hour"}</h2>
            <Lanes groups={groups} from={from} to={now} label={`What ${groups.map((g) => g.name).join(", ")} ran: ${seen.spans.length} attempts`} say={(s) => `${s.study} ${s.trial}`} onFind={(s, _at, chosen) => { if (s && chosen) go(toTrial(s.study, s.trial)); }} />
            <figcaption>A lane a slot, a bar an attempt; a click opens its trial. Filled: complete; hollow: stopped early; dashed: lost, run again; red: failed; ochre: running. Gaps: the slot was idle.</figcaption>
        </figure>
    );
}

function Slots({ busy, slots }: { busy: number; slots: number }) {
    const n = Math.min(slots, 32);
    return <span class="row"><svg class="slots" viewBox={`0 0 ${n * 12} 12`} width={n * 12} height="12" role="img" aria-label={`${busy} of ${slots} slots busy`}>{Array.from({ length: n }, (_, i) => <rect key={i} x={i * 12 + 1} y="1" width="9" height="10" class={i < busy ? "busy" : "idle"} />)}</svg><span class="quiet figures">{busy}/{slots}</span></span>;
}
