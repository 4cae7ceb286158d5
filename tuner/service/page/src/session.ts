/* Who looks: the token comes once in the fragment (#token=…) or the form, and stays in the tab's memory; on this device
 * only if asked for, and only a viewer's. What a role may not do is not shown. */
import { computed, signal } from "@preact/signals";
import { api, Problem, speakAs, type Me } from "./api";

const KEY = "nocturne-token";

export const me = signal<Me | null>(null);
export const refused = signal(""); /* why the last token was not taken */
export const isOperator = computed(() => me.value?.role === "operator");
export const entering = signal(true); /* a token is being tried */

let current = "";
export const currentToken = (): string => current;

/* The token of the address, which is taken out of it, or the one kept. */
function found(): string {
    const given = /^#token=([^&]*)/.exec(location.hash);
    if (!given) return sessionStorage.getItem(KEY) ?? localStorage.getItem(KEY) ?? "";
    const rest = /&to=([^&]*)/.exec(location.hash);
    history.replaceState(null, "", rest ? decodeURIComponent(rest[1]!) : "#/");
    dispatchEvent(new HashChangeEvent("hashchange"));
    return decodeURIComponent(given[1]!);
}

export async function enter(token: string, remember = false): Promise<void> {
    entering.value = true;
    refused.value = "";
    speakAs(token);
    current = token;
    try {
        me.value = (await api.me()) ?? (await guess());
        sessionStorage.setItem(KEY, token);
        if (remember && me.value.role === "viewer") localStorage.setItem(KEY, token);
    } catch (error) {
        if (error instanceof Problem && (error.status === 401 || error.status === 403)) forget();
        refused.value = error instanceof Problem ? error.message : String(error);
    }
    entering.value = false;
}

/* An older service does not say who one is; it refuses what a role may not do. */
async function guess(): Promise<Me> {
    await api.service();
    return { name: "", role: (await api.mayOperate()) ? "operator" : "viewer", studies: null, expires_ms: null };
}

export function forget(): void {
    sessionStorage.removeItem(KEY);
    localStorage.removeItem(KEY);
    me.value = null;
}

export async function begin(): Promise<void> {
    const token = found();
    if (token) await enter(token);
    entering.value = false;
}
