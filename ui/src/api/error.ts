// A refused or failed request, in words for a person.

export class ApiError extends Error {
  override readonly name = 'ApiError';
  /** HTTP status; 0 when no answer arrived. */
  readonly status: number;
  /** The server's stable word for the cause, if it sent one. */
  readonly code: string | null;
  readonly retryAfterSeconds: number | null;

  constructor(message: string, status: number, code: string | null = null, retryAfterSeconds: number | null = null) {
    super(message);
    this.status = status;
    this.code = code;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : 'Something went wrong.';
}

export async function errorOf(response: Response): Promise<ApiError> {
  const body: unknown = await response.json().catch(() => null);
  const fields = isRecord(body) ? body : {};
  const code = typeof fields.code === 'string' ? fields.code : null;
  const after = Number(response.headers.get('Retry-After') ?? NaN);
  const text = detailText(fields.detail) ?? statusText(response.status);
  return new ApiError(text, response.status, code, Number.isFinite(after) ? after : null);
}

/** `detail` is a sentence, or a list of what is wrong with which field. */
export function detailText(detail: unknown): string | null {
  if (typeof detail === 'string') return detail === '' ? null : sentence(detail);
  if (!Array.isArray(detail)) return null;
  const lines = detail.filter(isRecord).map((entry) => {
    const place = Array.isArray(entry.loc) ? entry.loc.slice(1).join('.').replaceAll('_', ' ') : '';
    const message = typeof entry.msg === 'string' ? entry.msg : 'is not valid';
    return place === '' ? sentence(message) : `${sentence(place)}: ${message}`;
  });
  return lines.length === 0 ? null : lines.join('\n');
}

function statusText(status: number): string {
  if (status === 429) return 'Too many requests. Wait a moment and try again.';
  if (status >= 500) return 'The server failed. Its log says why.';
  return `The server refused this (${status}).`;
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
