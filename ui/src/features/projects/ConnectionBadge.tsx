// Whether what is shown is live, and when it will be again.
import { Radio, RefreshCw, WifiOff } from 'lucide-react';

import { useStream } from '@/api/useStream';
import { useNow } from '@/lib/useNow';
import { Badge } from '@/ui/Badge';

export function ConnectionBadge({ projectId }: { projectId: string }) {
  const connection = useStream(projectId, (state) => state.connection);
  const retryAt = useStream(projectId, (state) => state.retryAt);
  const now = useNow();
  switch (connection) {
    case 'live':
      return (
        <Badge tone="good" icon={<Radio aria-hidden className="size-3" />} title="Changes appear as they happen.">
          Live
        </Badge>
      );
    case 'connecting':
      return (
        <Badge icon={<RefreshCw aria-hidden className="size-3 animate-spin" />} title="Asking for what was missed.">
          Connecting
        </Badge>
      );
    case 'waiting': {
      const seconds = Math.max(0, Math.ceil((retryAt ?? 0) / 1000 - now));
      return (
        <Badge tone="warn" icon={<WifiOff aria-hidden className="size-3" />} title="What happens meanwhile is shown afterwards.">
          Connection lost, next try in {seconds} s
        </Badge>
      );
    }
    case 'idle':
    case 'ended':
      return null;
  }
}
