/* The fleet: who is there, what each does, why some are idle, and who has another version than the service. */
import { useEffect, useState } from "preact/hooks";
import { api, Problem, type Agent } from "./api";
import { onHappening } from "./live";
import { Mark } from "./mark";
import { toStudy } from "./route";
import { amount, duration, plural } from "./words";

const AGAIN_MS = 2000;

interface Seen { agents: Agent[]; slots: number; busy: number; version: string; own: number; open: number }

export function Fleet() {
    const [seen, setSeen] = useState<Seen | null>(null), [problem, setProblem] = useState("");
    useEffect(() => {
        let timer = 0;
        const look = async (): Promise<void> => {
            try {
                const [fleet, service, studies] = await Promise.all([api.agents(), api.service(), api.studies()]);
                setSeen({ ...fleet, version: service.version, own: service.slots, open: studies.studies.filter((s) => s.phase === "open" && s.hosted && !s.paused).length });
                setProblem("");
            } catch (e) {
                setProblem(e instanceof Problem ? e.message : String(e));
            }
        };
        void look();
        const again = setInterval(() => document.hidden || void look(), 2 * AGAIN_MS);
        const stop = onHappening((h) => { if (h.event !== "report" && !timer) timer = window.setTimeout(() => { timer = 0; void look(); }, AGAIN_MS); });
        return () => { clearInterval(again); stop(); };
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
        </>
    );
}

function Slots({ busy, slots }: { busy: number; slots: number }) {
    const n = Math.min(slots, 32);
    return <span class="row"><svg class="slots" viewBox={`0 0 ${n * 12} 12`} width={n * 12} height="12" role="img" aria-label={`${busy} of ${slots} slots busy`}>{Array.from({ length: n }, (_, i) => <rect key={i} x={i * 12 + 1} y="1" width="9" height="10" class={i < busy ? "busy" : "idle"} />)}</svg><span class="quiet figures">{busy}/{slots}</span></span>;
}
