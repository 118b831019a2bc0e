// Instants are seconds since 1970, as on the wire. "Now" is always an argument.

const dateTime = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
const day = new Intl.DateTimeFormat(undefined, { month: 'short', day: 'numeric', timeZone: 'UTC' });
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto', style: 'short' });

export function fullTime(at: number): string {
  return dateTime.format(at * 1000);
}

export function clockTime(at: number): string {
  return clock.format(at * 1000);
}

/** `2026-03-09`, a day of UTC. */
export function dayOf(date: string): string {
  return day.format(new Date(`${date}T00:00:00Z`));
}

/** "3 min. ago", "in 2 hr."; a date when it is over a month away. */
export function ago(at: number, now: number): string {
  const seconds = at - now;
  const size = Math.abs(seconds);
  if (size < 45) return seconds > 0 ? 'in a moment' : 'just now';
  if (size < 45 * 60) return relative.format(Math.round(seconds / 60), 'minute');
  if (size < 22 * 3600) return relative.format(Math.round(seconds / 3600), 'hour');
  if (size < 30 * 86400) return relative.format(Math.round(seconds / 86400), 'day');
  return dateTime.format(at * 1000);
}

/** "850 ms", "12 s", "3 min 05 s", "2 h 10 min". */
export function duration(seconds: number): string {
  if (seconds < 0) return '0 s';
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${String(s % 60).padStart(2, '0')} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${String(Math.floor((s % 3600) / 60)).padStart(2, '0')} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

/** For waits: nobody needs the seconds of an hour. */
export function roughly(seconds: number): string {
  if (seconds < 60) return `${Math.max(0, Math.floor(seconds))} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  return seconds < 86_400 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86_400)} d`;
}

/** Round steps for a time axis: at most `ticksMax` of them over `span` seconds. */
export function axisStep(span: number, ticksMax: number): number {
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400];
  return steps.find((step) => span / step <= ticksMax) ?? Math.ceil(span / ticksMax / 86400) * 86400;
}
