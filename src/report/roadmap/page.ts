import type { RoadmapStudy } from "../../roadmap/study.ts"
export function renderRoadmapPage(study: RoadmapStudy): string { return JSON.stringify(study.runs.length) }
