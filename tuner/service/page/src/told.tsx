/* Who is told what of the studies, and whether that gets there: an operator may try it. */
import { useEffect, useState } from "preact/hooks";
import { api, Problem, type Notify, type Tried } from "./api";
import { Mark } from "./mark";
import { isOperator } from "./session";
import { clock, duration, plural } from "./words";

const KINDS = 8; /* of notices: a channel that gets them all needs no list */

function Rest({ n }: { n: Notify }) {
    const words = [
        n.quiet && `From ${n.quiet.from} to ${n.quiet.to} only ${n.quiet.but.length ? n.quiet.but.join(", ") : "nothing"} is told at once; the rest comes together afterwards.`,
        n.heartbeat ? `A heartbeat goes to ${n.heartbeat.to} every ${duration(n.heartbeat.every_ms)}: its absence is the alarm.` : "Without a heartbeat nobody is told that this service is gone.",
        n.others > 0 && `${plural(n.others, "notice")} wait${n.others === 1 ? "s" : ""} for channels that the file no longer has.`,
    ];
    return <p class="quiet">{words.filter(Boolean).join(" ")}</p>;
}

export function Told() {
    const [n, setN] = useState<Notify | null>(null), [tried, setTried] = useState<Tried | null>(null), [busy, setBusy] = useState(false), [problem, setProblem] = useState("");
    const look = (): void => void api.notify().then(setN, () => setN(null));
    useEffect(() => (isOperator.value ? look() : undefined), []);
    if (!isOperator.value || !n) return null;
    const test = async (): Promise<void> => {
        setBusy(true);
        setProblem("");
        try {
            setTried(await api.testNotify());
        } catch (e) {
            setProblem(e instanceof Problem ? e.message : String(e));
        }
        setBusy(false);
        look();
    };
    const cameBack = (channel: string): Tried["channels"][number] | undefined => tried?.channels.find((c) => c.channel === channel);
    return (
        <section data-part="told">
            <h2>Who is told</h2>
            {n.file === null ? <p class="quiet">Nobody: the service has no notify file. <code>nocturne notify --help</code> shows one.</p> : (
                <>
                    <div class="wide" tabIndex={0} role="region" aria-label="Channels"><table>
                        <thead><tr><th scope="col">channel</th><th scope="col">kind</th><th scope="col">to</th><th scope="col">of what</th><th scope="col" class="right">waiting</th><th scope="col">last try</th></tr></thead>
                        <tbody>{n.channels.map((c) => {
                            const said = cameBack(c.channel), why = said ? said.why : c.why;
                            return <tr key={c.channel}><th scope="row">{c.channel}</th><td>{c.kind}</td><td>{c.to}</td><td>{c.tells.length >= KINDS ? "everything" : c.tells.join(", ")}</td><td class="right figures">{c.waiting}</td>
                                <td>{said?.ok ? <><Mark state="fine" /> arrived</> : why ? <><Mark state="wrong" /> {why}{c.next_ms !== null && !said ? `, again ${clock(c.next_ms, Date.now())}` : ""}</> : ""}</td></tr>;
                        })}</tbody>
                    </table></div>
                    <Rest n={n} />
                    {problem && <p class="wrong" role="alert">{problem}</p>}
                    <p class="row"><button data-action="test-notify" disabled={busy} onClick={() => void test()}>{busy ? "sending …" : "Send a test to all"}</button>{tried && <span role="status">{tried.ok ? "all of it arrived" : "not all of it arrived"}</span>}</p>
                </>
            )}
        </section>
    );
}
