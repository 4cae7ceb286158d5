/* What happens, as it happens: one stream of events for all tabs of a browser. The tab that holds the lock reads it (with
 * fetch: EventSource cannot send a token) and tells the others. Silence is noticed: the service says something every
 * 15 seconds. Whenever reading begins anew, what came between is asked for. */
import { computed, signal } from "@preact/signals";
import { ask, Problem } from "./api";
import { forget, refused } from "./session";

export interface Happening { study: string; event: string; trial?: number; data: Record<string, unknown> } /* study "": all of them, event "asked" */
type Sign = { word: "connecting" | "live" | "behind" | "lost"; since: number };

const BEHIND_MS = 20_000, LOST_MS = 45_000, AGAIN_MS = 2000;
const heard = signal(0); /* when the service last said something; 0: never */
const broken = signal(0); /* since when nothing can be read; 0: it can */
const listeners = new Set<(h: Happening) => void>();

/* now, to the second, for ages and for the sign */
export const tick = signal(Date.now());
setInterval(() => (tick.value = Date.now()), 1000);

export const sign = computed<Sign>(() => {
    if (broken.value) return { word: "lost", since: broken.value };
    if (!heard.value) return { word: "connecting", since: 0 };
    const silent = tick.value - heard.value;
    return { word: silent > LOST_MS ? "lost" : silent > BEHIND_MS ? "behind" : "live", since: heard.value };
});

export function onHappening(listen: (h: Happening) => void): () => void {
    listeners.add(listen);
    return () => listeners.delete(listen);
}

type Message = { kind: "heard" } | { kind: "broken"; since: number } | { kind: "refused"; why: string } | { kind: "happening"; happening: Happening };

/* While one token is good: the tabs that share it, and the end of that. */
interface Session { channel: BroadcastChannel | null; over: AbortController }

let current: Session | null = null;

function take(s: Session, m: Message): void {
    if (s.over.signal.aborted) return;
    if (m.kind === "refused") return forget(m.why);
    broken.value = m.kind === "broken" ? m.since : 0;
    if (m.kind === "heard" || m.kind === "happening") heard.value = Date.now();
    if (m.kind === "happening") for (const listen of listeners) listen(m.happening);
}

function tell(s: Session, m: Message): void {
    s.channel?.postMessage(m);
    take(s, m);
}

/* ---- reading the stream ---- */

function understand(s: Session, block: string): void {
    let event = "", data = "";
    for (const line of block.split("\n")) {
        if (line.startsWith("event:")) event = line.slice(6).trim();
        else if (line.startsWith("data:")) data += line.slice(5).trim();
    }
    if (!data || event === "cursor") return; /* that it was heard has been told */
    const d = JSON.parse(data) as Record<string, unknown>;
    tell(s, { kind: "happening", happening: { study: String(d.study), event, trial: d.trial as number | undefined, data: d } });
}

async function read(s: Session): Promise<void> {
    const patience = new AbortController();
    let timer = 0;
    const wait = (): void => {
        clearTimeout(timer);
        timer = window.setTimeout(() => patience.abort(), LOST_MS);
    };
    try {
        wait();
        const answer = await ask("/events", { signal: patience.signal }), reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
        tell(s, { kind: "happening", happening: { study: "", event: "asked", data: {} } });
        for (let text = ""; ;) {
            const got = await reader.read();
            if (got.done) break;
            wait();
            tell(s, { kind: "heard" });
            const blocks = (text + got.value).split("\n\n");
            text = blocks.pop()!;
            for (const block of blocks) understand(s, block);
        }
    } finally {
        clearTimeout(timer);
    }
}

async function follow(s: Session): Promise<void> {
    while (!s.over.signal.aborted) {
        try {
            await read(s);
        } catch (error) {
            if (error instanceof Problem && error.status === 403) forget(error.message);
            else if (!broken.value) tell(s, { kind: "broken", since: heard.value || Date.now() });
        }
        await new Promise((done) => setTimeout(done, AGAIN_MS));
    }
}

/* Once the token is known; `name` keeps tabs of different tokens apart. */
export function startLive(name: string): void {
    const s: Session = (current = { channel: null, over: new AbortController() });
    if (!("locks" in navigator)) {
        void follow(s);
        return;
    }
    s.channel = new BroadcastChannel(`nocturne-${name}`);
    s.channel.onmessage = (m: MessageEvent<Message>) => take(s, m.data);
    navigator.locks.request(`nocturne-${name}`, { signal: s.over.signal }, () => follow(s)).catch(() => undefined); /* refused while it waited */
    take(s, { kind: "heard" });
}

/* With the token. Other tabs that have it are told if it was refused: each would be one more try with a wrong one. */
export function endLive(): void {
    if (refused.value) current?.channel?.postMessage({ kind: "refused", why: refused.value });
    current?.over.abort();
    current?.channel?.close();
    current = null;
    heard.value = broken.value = 0;
}
