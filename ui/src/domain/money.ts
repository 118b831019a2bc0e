// Money and counts as people of the browser's language write them.

const whole = new Intl.NumberFormat(undefined);
const compact = new Intl.NumberFormat(undefined, { notation: 'compact', maximumFractionDigits: 1 });
const byDigits = new Map<number, Intl.NumberFormat>();

function dollars(digits: number): Intl.NumberFormat {
  let format = byDigits.get(digits);
  if (!format) {
    format = new Intl.NumberFormat(undefined, {
      style: 'currency',
      currency: 'USD',
      currencyDisplay: 'narrowSymbol',
      minimumFractionDigits: digits,
      maximumFractionDigits: digits,
    });
    byDigits.set(digits, format);
  }
  return format;
}

/** Cents from a dollar on; below, enough digits that small costs do not look free. */
export function money(usd: number): string {
  const size = Math.abs(usd);
  if (size === 0 || size >= 0.995) return dollars(2).format(usd);
  return dollars(size >= 0.1 ? 2 : size >= 0.001 ? 3 : 4).format(usd);
}

export function moneyRange(low: number, high: number): string {
  const [a, b] = [money(low), money(high)];
  return a === b ? a : `${a} – ${b}`;
}

/** Share of a limit, 0 to 1; `null` without a limit. */
export function shareOf(spent: number, limit: number | null): number | null {
  return limit === null || limit <= 0 ? null : Math.min(1, Math.max(0, spent / limit));
}

export function meterTone(share: number | null): 'info' | 'warn' | 'bad' {
  if (share === null || share < 0.8) return 'info';
  return share < 1 ? 'warn' : 'bad';
}

export function count(value: number): string {
  return whole.format(value);
}

export function compactCount(value: number): string {
  return compact.format(value);
}

export function percent(share: number, digits = 0): string {
  return new Intl.NumberFormat(undefined, { style: 'percent', maximumFractionDigits: digits }).format(share);
}

export function bytes(value: number): string {
  const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte'] as const;
  const step = value < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(value) / 3));
  return new Intl.NumberFormat(undefined, {
    style: 'unit',
    unit: units[step] ?? 'byte',
    unitDisplay: 'short',
    maximumFractionDigits: step === 0 ? 0 : 1,
  }).format(value / 1000 ** step);
}

export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}
