// Figures and times as people read them, in the reader's own zone.

const count = new Intl.NumberFormat("en");
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const day = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

export const number = (value) => (value === null || value === undefined ? "–" : count.format(value));
export const short = (value) => (value === null || value === undefined ? "–" : compact.format(value));
export const rate = (value) => (value >= 100 ? compact.format(value) : value >= 10 ? value.toFixed(0) : value.toFixed(1));
export const percent = (share, digits = 1) => (share === null || share === undefined ? "–" : `${(share * 100).toFixed(share > 0.999 && share < 1 ? 2 : digits)} %`);
export const milliseconds = (value) => (value === null || value === undefined ? "–" : value >= 1000 ? `${(value / 1000).toFixed(2)} s` : `${value.toFixed(value < 10 ? 1 : 0)} ms`);
export const bytes = (value) => (value === null || value === undefined ? "–" : value >= 1 << 30 ? `${(value / (1 << 30)).toFixed(1)} GiB` : value >= 1 << 20 ? `${(value / (1 << 20)).toFixed(1)} MiB` : `${(value / 1024).toFixed(1)} KiB`);

export function time(ms) {
  if (!ms) return document.createTextNode("–");
  const element = document.createElement("time");
  const moment = new Date(ms);
  element.dateTime = moment.toISOString();
  element.title = day.format(moment);
  element.textContent = Date.now() - ms < 86_400_000 ? clock.format(moment) : day.format(moment);
  return element;
}

export function span(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86_400)} d ${Math.floor((seconds % 86_400) / 3600)} h`;
}

export const ago = (ms) => (ms ? `${span(Date.now() - ms)} ago` : "–");
export const days = (ms) => (ms === null || ms === undefined ? "–" : ms % 86_400_000 ? span(ms) : `${ms / 86_400_000} d`);
