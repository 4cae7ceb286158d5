/* The address: what is after # says which screen, and what is chosen on it.
 *     #/                                overview
 *     #/s/g2p/trials?f=em>0.6&sort=-em  a study: verdict (none), trials, why, time
 *     #/s/g2p/t/34?w=0.7,0.3            one of its trials
 *     #/live    #/live/g2p                what is live, and one rollout
 *     #/compare?s=a,b    #/fleet
 * Choices on a screen replace the address, screens are steps back. */
import { computed, signal, type ReadonlySignal } from "@preact/signals";

export type Tab = "verdict" | "trials" | "why" | "time";
type Place =
    | { screen: "overview" | "fleet" | "compare" | "live" }
    | { screen: "rollout"; rollout: string }
    | { screen: "study"; study: string; tab: Tab }
    | { screen: "trial"; study: string; trial: number };

const TABS: readonly Tab[] = ["verdict", "trials", "why", "time"];
const address = signal(location.hash);
addEventListener("hashchange", () => (address.value = location.hash));

function read(hash: string): { place: Place; choices: URLSearchParams } {
    const [path = "", rest = ""] = hash.replace(/^#/, "").split(/\?(.*)/s);
    const part = path.split("/").filter(Boolean).map((p) => { try { return decodeURIComponent(p); } catch { return p; } });
    const choices = new URLSearchParams(rest);
    if (part[0] === "fleet" || part[0] === "compare") return { place: { screen: part[0] }, choices };
    if (part[0] === "live") return { place: part[1] ? { screen: "rollout", rollout: part[1] } : { screen: "live" }, choices };
    if (part[0] !== "s" || !part[1]) return { place: { screen: "overview" }, choices };
    if (part[2] === "t" && /^\d+$/.test(part[3] ?? "")) return { place: { screen: "trial", study: part[1], trial: Number(part[3]) }, choices };
    const tab = TABS.find((t) => t === part[2]) ?? "verdict";
    return { place: { screen: "study", study: part[1], tab }, choices };
}

/* Whoever asks for one of them hears of it when that one changes, and of no other. */
const path = computed(() => address.value.split("?")[0]!), choices = computed(() => read(address.value).choices), each = new Map<string, ReadonlySignal<string>>();
export const place = computed(() => read(path.value).place);
export function choice(name: string): string {
    let one = each.get(name);
    if (!one) each.set(name, (one = computed(() => choices.value.get(name) ?? "")));
    return one.value;
}

export const toStudy = (study: string, tab: Tab = "verdict"): string => `#/s/${encodeURIComponent(study)}${tab === "verdict" ? "" : `/${tab}`}`;
export const toRollout = (rollout: string): string => `#/live/${encodeURIComponent(rollout)}`;
export const toTrial = (study: string, trial: number): string => `#/s/${encodeURIComponent(study)}/t/${trial}`;

export function go(hash: string): void {
    location.hash = hash;
}

/* "" takes it away */
export function choose(changes: Record<string, string>): void {
    const { choices } = read(address.value);
    for (const [name, value] of Object.entries(changes)) value === "" ? choices.delete(name) : choices.set(name, value);
    const path = address.value.replace(/^#/, "").split("?")[0] || "/";
    const rest = choices.toString().replace(/%2C/g, ",").replace(/%3A/g, ":").replace(/%3E/g, ">").replace(/%3C/g, "<");
    history.replaceState(null, "", `#${path}${rest ? `?${rest}` : ""}`);
    address.value = location.hash;
}
