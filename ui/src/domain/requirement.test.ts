import { describe, expect, it } from 'vitest';

import { splitRequirements } from './requirement';

const texts = (text: string) => splitRequirements(text).map((requirement) => requirement.text);

describe('requirements are numbered as the engine numbers them', () => {
  it('paragraphs are requirements', () => {
    expect(texts('one\ngoes on\n\n  two  \n \n\nthree')).toEqual(['one\ngoes on', 'two', 'three']);
    expect(splitRequirements('a\r\n\r\nb')[1]?.id).toBe('R2');
  });

  it('each list item counts and keeps what is under it', () => {
    const text =
      'It must:\n- do this\n  carefully\n  - and nested\n* do that\nlazily\n\n  second paragraph of that\n\nAfter.';
    expect(texts(text)).toEqual([
      'It must:',
      'do this\n  carefully\n  - and nested',
      'do that\nlazily\n\n  second paragraph of that',
      'After.',
    ]);
  });

  it('ordered lists count each item', () => {
    expect(texts('1. a\n2. b\n10) c')).toEqual(['a', 'b', 'c']);
    expect(texts('It was founded in\n1986. Then it grew.')).toEqual(['It was founded in\n1986. Then it grew.']);
    expect(texts('2.5 seconds at most')).toEqual(['2.5 seconds at most']);
    expect(texts('*emphasis* is no list')).toEqual(['*emphasis* is no list']);
    expect(texts('- [ ] open\n- \n-\n+ plus')).toEqual(['open', 'plus']);
  });

  it('headings and rules are context only', () => {
    const found = splitRequirements('# Title\nIntro.\n## Later ##\n- nice\n---\nlast\n#tag stays');
    expect(found.map((r) => [r.section, r.text])).toEqual([
      ['Title', 'Intro.'],
      ['Later', 'nice'],
      ['Later', 'last\n#tag stays'],
    ]);
    expect(texts('Name\n====\n\nbody')).toEqual(['body']);
    expect(texts('kept\n---\nbody')).toEqual(['kept', 'body']);
    expect(texts('# only a heading')).toEqual(['# only a heading']);
    expect(texts('---')).toEqual(['---']);
  });

  it('fenced code stays with its paragraph', () => {
    const text = 'Print this:\n\n```\n- no item\n\n# no heading\n```\n\nnext';
    expect(texts(text)).toEqual(['Print this:\n\n```\n- no item\n\n# no heading\n```', 'next']);
    expect(texts('```never closed\n\n- a\n\n- b')).toEqual(['```never closed', 'a', 'b']);
    expect(texts('# H\n~~~\ncode\n~~~')).toEqual(['~~~\ncode\n~~~']);
  });

  it('blank text has none, and each knows its line', () => {
    expect(splitRequirements(' \n\t\uFEFF')).toEqual([]);
    expect(splitRequirements('# T\n\na\n\n- b\n- c').map((r) => r.line)).toEqual([2, 4, 5]);
  });
});
