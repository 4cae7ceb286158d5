import type { StudyView } from "./study"; export function ImportanceBars(_: { v: StudyView }) { return null; }
