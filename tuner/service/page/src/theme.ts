/* Light or dark: the system's, unless the reader has chosen. Charts read their colours from here, and again on change. */
import { signal } from "@preact/signals";

export type Theme = "system" | "light" | "dark";
const KEY = "nocturne-theme";

export const theme = signal<Theme>((localStorage.getItem(KEY) as Theme | null) ?? "system");
export const colours = signal(readColours());

function readColours() {
    const style = getComputedStyle(document.documentElement);
    const v = (name: string): string => style.getPropertyValue(name).trim();
    return {
        page: v("--page"), surface: v("--surface"), rule: v("--rule"), ink: v("--ink"), quiet: v("--quiet"), link: v("--link"),
        queued: v("--quiet"), leased: v("--running"), running: v("--running"), complete: v("--complete"), pruned: v("--pruned"),
        failed: v("--failed"), infeasible: v("--infeasible"), cancelled: v("--pruned"),
    };
}
export type Colours = ReturnType<typeof readColours>;

export function setTheme(t: Theme): void {
    theme.value = t;
    localStorage.setItem(KEY, t);
    apply();
}

function apply(): void {
    document.documentElement.dataset.theme = theme.value;
    colours.value = readColours();
}

export function beginTheme(): void {
    for (const about of ["(prefers-color-scheme: dark)", "(forced-colors: active)"]) matchMedia(about).addEventListener("change", apply);
    apply();
}
