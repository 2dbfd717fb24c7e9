import type { RoadmapStudy } from "../../roadmap/study.ts"
export function renderRoadmapFigure(study: RoadmapStudy): string { return JSON.stringify(study.runs.length) }
