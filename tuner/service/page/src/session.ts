/* Who looks: the token comes once in the fragment (#token=…) or the form, and stays in the tab's memory; on this device
 * only if asked for, and only a viewer's. What a role may not do is not shown. */
import { computed, signal } from "@preact/signals";
import { api, Problem, speakAs, whenRefused, type Me } from "./api";

const KEY = "nocturne-token";

export const me = signal<Me | null>(null);
export const refused = signal(""); /* why the last token was not taken, or is not any more */
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
        me.value = await api.me();
        sessionStorage.setItem(KEY, token);
        if (remember && me.value.role === "viewer") localStorage.setItem(KEY, token);
    } catch (error) {
        const why = error instanceof Problem ? error.message : String(error);
        if (error instanceof Problem && (error.status === 401 || error.status === 403)) forget(why);
        else refused.value = why;
    }
    entering.value = false;
}

export function forget(why = ""): void {
    speakAs("");
    sessionStorage.removeItem(KEY);
    localStorage.removeItem(KEY);
    refused.value = why;
    me.value = null;
}

export async function begin(): Promise<void> {
    const token = found();
    whenRefused((why) => { if (me.value) forget(why); });
    if (token) await enter(token);
    entering.value = false;
}
