import type { StudyView } from "./study"; export function Surfaces(_: { v: StudyView }) { return null; }
