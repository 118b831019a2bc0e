// Server-sent events read from a fetch body. EventSource cannot send Last-Event-ID
// with a fresh ticket, and tickets live for a minute; so the frames are parsed here.

export interface Frame {
  event: string;
  data: string;
  id: string | null;
}

/** Feed it text as it arrives; it calls back once per whole frame. */
export function frameParser(onFrame: (frame: Frame) => void): (text: string) => void {
  let rest = '';
  let event = '';
  let data: string[] = [];
  let id: string | null = null;

  const dispatch = () => {
    if (data.length > 0) onFrame({ event: event || 'message', data: data.join('\n'), id });
    event = '';
    data = [];
    id = null;
  };

  const field = (line: string) => {
    const colon = line.indexOf(':');
    if (colon === 0) return;
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (name === 'event') event = value;
    else if (name === 'data') data.push(value);
    else if (name === 'id') id = value;
  };

  return (text) => {
    rest += text;
    const lines = rest.split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line === '') dispatch();
      else field(line);
    }
  };
}
