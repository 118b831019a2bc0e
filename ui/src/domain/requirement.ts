// Requirements: free text becomes numbered statements R1, R2, … by the same rule as
// the engine's `requirement.rs`, so that the numbers seen while typing are the
// numbers that the plan will use. Keep the two alike.
//
// A paragraph is one requirement; in a list every item of the outermost level is
// one. Headings, rules and empty items are none. Fenced code belongs to the text
// before it. Text that is not blank yields at least one.

export interface Requirement {
  id: string;
  text: string;
  section: string | null;
  /** First line of it in the text, from 0. */
  line: number;
}

export const REQUIREMENTS_MAX_CHARS = 50_000;
const TAB_WIDTH = 4;

export function isBlank(text: string): boolean {
  return /^[\s\uFEFF]*$/u.test(text);
}

export function splitRequirements(source: string): Requirement[] {
  const text = source.startsWith('\uFEFF') ? source.slice(1) : source;
  const lines = text.split(/\r?\n/);
  const fenced = findFences(lines);
  const splitter = new Splitter();
  lines.forEach((line, index) => {
    if (fenced[index]) splitter.join(line, index);
    else splitter.plain(line, index);
  });
  return splitter.finish(text);
}

interface FenceMark {
  line: number;
  char: string;
  length: number;
  isBare: boolean;
}

/** A fence that is never closed is no fence: one stray line must not swallow the rest. */
function findFences(lines: readonly string[]): boolean[] {
  const inside = lines.map(() => false);
  const marks = lines.flatMap((line, index) => fenceMark(line, index) ?? []);
  const endless = new Map<string, number>();
  for (let at = 0; at < marks.length; at += 1) {
    const open = marks[at];
    if (!open || open.length >= (endless.get(open.char) ?? Infinity)) continue;
    const offset = marks.slice(at + 1).findIndex((m) => m.char === open.char && m.length >= open.length && m.isBare);
    const close = marks[at + 1 + offset];
    if (offset < 0 || !close) {
      endless.set(open.char, open.length);
    } else {
      inside.fill(true, open.line, close.line + 1);
      at += offset + 1;
    }
  }
  return inside;
}

function fenceMark(line: string, index: number): FenceMark | null {
  const found = /^\s*(`{3,}|~{3,})(.*)$/.exec(line);
  const marks = found?.[1];
  if (!found || !marks) return null;
  const char = marks[0] ?? '`';
  const after = found[2] ?? '';
  // Three back-ticks and more on one line are inline code, not a fence.
  if (char === '`' && after.includes('`')) return null;
  return { line: index, char, length: marks.length, isBare: isBlank(after) };
}

class Splitter {
  private readonly done: Omit<Requirement, 'id'>[] = [];
  private block: string[] = [];
  private blockLine = 0;
  /** Indent of the list item that `block` is, or `null` for a paragraph. */
  private itemIndent: number | null = null;
  private isAfterBlank = false;
  private section: string | null = null;

  plain(line: string, index: number): void {
    if (isBlank(line)) {
      this.isAfterBlank = this.block.length > 0;
      return;
    }
    const indent = indentOf(line);
    // Deeper lines belong to the item they stand under, markers or not.
    if (this.itemIndent !== null && indent >= this.itemIndent + 2) {
      this.join(line, index);
      return;
    }
    const title = heading(line);
    const marker = listMarker(line);
    if (title !== null) {
      this.end();
      this.section = title === '' ? null : title;
    } else if (isRule(line)) {
      this.rule(line);
    } else if (marker && this.mayBeginItem(marker.number)) {
      this.end();
      this.itemIndent = indent;
      this.push(marker.text, index);
    } else {
      if (this.isAfterBlank) this.end();
      this.push(line, index);
    }
    this.isAfterBlank = false;
  }

  join(line: string, index: number): void {
    if (this.isAfterBlank) this.block.push('');
    this.push(line, index);
    this.isAfterBlank = false;
  }

  finish(whole: string): Requirement[] {
    this.end();
    if (this.done.length === 0 && !isBlank(whole)) {
      // Nothing but headings and rules: then that is what is wanted.
      this.done.push({ text: whole.trim(), section: null, line: 0 });
    }
    return this.done.map((found, index) => ({ id: `R${index + 1}`, ...found }));
  }

  /** In running text only a bullet or a `1.` begins a list. */
  private mayBeginItem(number: number | null): boolean {
    return this.block.length === 0 || this.isAfterBlank || this.itemIndent !== null || number === null || number === 1;
  }

  private push(line: string, index: number): void {
    if (this.block.length === 0) this.blockLine = index;
    this.block.push(line);
  }

  /** A line of `=` under a single line makes that line a heading; one of `-` does not. */
  private rule(line: string): void {
    const isUnderline =
      line.trim().startsWith('=') && !this.isAfterBlank && this.itemIndent === null && this.block.length === 1;
    if (isUnderline) this.section = this.block.pop()?.trim() ?? null;
    this.end();
  }

  private end(): void {
    const text = this.block.join('\n').trim();
    if (!isBlank(text)) this.done.push({ text, section: this.section, line: this.blockLine });
    this.block = [];
    this.itemIndent = null;
    this.isAfterBlank = false;
  }
}

function indentOf(line: string): number {
  let width = 0;
  for (const char of line) {
    if (char === ' ') width += 1;
    else if (char === '\t') width += TAB_WIDTH;
    else break;
  }
  return width;
}

function heading(line: string): string | null {
  const found = /^#{1,6}(?:\s+(.*))?$/.exec(line.trim());
  if (!found) return null;
  return (found[1] ?? '').trim().replace(/#+$/, '').trimEnd();
}

function isRule(line: string): boolean {
  return /^([-*_=])\1{2,}$/.test(line.replace(/\s/g, ''));
}

function listMarker(line: string): { text: string; number: number | null } | null {
  const found = /^\s*(?:[-*+•]|(\d{1,4})[.)])(?:\s+(.*))?$/.exec(line);
  if (!found) return null;
  const text = (found[2] ?? '').replace(/^\[ \] /, '');
  return { text, number: found[1] === undefined ? null : Number(found[1]) };
}
