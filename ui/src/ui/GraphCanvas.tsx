// A layered graph one can pan, zoom and walk through by keyboard. Knows nothing of
// plans or tasks. Only what is visible is in the document, so a thousand nodes are
// as smooth as ten.
import '@xyflow/react/dist/base.css';

import {
  Background,
  Controls,
  type Edge,
  Handle,
  MiniMap,
  type Node,
  type NodeProps,
  Position,
  ReactFlow,
} from '@xyflow/react';
import { memo, type ReactNode, useMemo } from 'react';

import { directEdges, type GraphNode, type Layout, layout, NODE_HEIGHT, NODE_WIDTH } from '@/domain/graph';
import type { Tone } from '@/domain/task';
import { classes } from '@/lib/classes';
import { useTheme } from '@/lib/theme';

export interface CanvasNode extends GraphNode {
  title: string;
  note: string;
  icon: ReactNode;
  tone: Tone;
}

interface GraphCanvasProps {
  nodes: readonly CanvasNode[];
  selected: string | null;
  onSelect: (id: string | null) => void;
  onOpen?: (id: string) => void;
  /** Nodes to point out; others step back. */
  marked?: ReadonlySet<string> | null;
  label: string;
}

/** What xyflow calls data has to be an open record; the node itself is kept whole inside. */
type BoxNode = Node<{ node: CanvasNode; isMuted: boolean; isSelected: boolean }, 'box'>;

const BORDERS: Record<Tone, string> = {
  neutral: 'border-line-strong',
  muted: 'border-line-strong border-dashed',
  info: 'border-info',
  progress: 'border-progress',
  good: 'border-good/50',
  warn: 'border-warn',
  bad: 'border-bad',
};

const Box = memo(function Box({ data: { node, isMuted, isSelected } }: NodeProps<BoxNode>) {
  return (
    <div
      style={{ width: NODE_WIDTH, height: NODE_HEIGHT }}
      className={classes(
        'flex flex-col justify-center rounded-lg border bg-surface px-2.5 text-left shadow-card transition-opacity',
        BORDERS[node.tone],
        isSelected && 'outline-2 outline-offset-1 outline-accent',
        isMuted && 'opacity-35',
      )}
    >
      <Handle type="target" position={Position.Left} isConnectable={false} className="!size-px !min-w-0 !border-0 !opacity-0" />
      <p className="flex items-start gap-1.5">
        <span className="mt-px">{node.icon}</span>
        <span className="line-clamp-2 text-sm leading-tight font-medium">{node.title}</span>
      </p>
      <p className="mt-0.5 truncate text-xs text-text-3">{node.note}</p>
      <Handle type="source" position={Position.Right} isConnectable={false} className="!size-px !min-w-0 !border-0 !opacity-0" />
    </div>
  );
});

const NODE_TYPES = { box: Box };

const MAP_FILL: Record<Tone, string> = {
  neutral: 'var(--line-strong)',
  muted: 'var(--line-strong)',
  info: 'var(--info)',
  progress: 'var(--progress)',
  good: 'var(--good)',
  warn: 'var(--warn)',
  bad: 'var(--bad)',
};

/** Wider than this it is not readable as a whole at once. */
const WHOLE_MAX_PX = 1700;
const FOCUS_MAX = 12;

/** Where to look first in a large graph: at what moves or needs somebody, else at the start. */
function focusOf(nodes: readonly CanvasNode[], width: number): { id: string }[] | null {
  if (width <= WHOLE_MAX_PX) return null;
  const active = nodes.filter((node) => node.tone === 'progress' || node.tone === 'warn' || node.tone === 'neutral');
  const first = active.length > 0 ? active : nodes.filter((node) => node.wave < 2);
  return first.slice(0, FOCUS_MAX).map(({ id }) => ({ id }));
}

interface Placed extends Layout {
  edges: [string, string][];
  boxes: WeakMap<CanvasNode, BoxNode>;
}

/** The same object as before tells the canvas that nothing changed. */
function boxOf(node: CanvasNode, { places, boxes }: Placed, isSelected: boolean, isMuted: boolean): BoxNode {
  const known = boxes.get(node);
  if (known && known.data.isSelected === isSelected && known.data.isMuted === isMuted) return known;
  const box: BoxNode = {
    id: node.id,
    type: 'box',
    position: places.get(node.id) ?? { x: 0, y: 0 },
    width: NODE_WIDTH,
    height: NODE_HEIGHT,
    selected: isSelected,
    ariaLabel: `${node.title}, ${node.note}`,
    data: { node, isSelected, isMuted },
  };
  boxes.set(node, box);
  return box;
}

function edgesOf(pairs: readonly [string, string][], selected: string | null): Edge[] {
  return pairs.map(([source, target]) => {
    const isNear = source === selected || target === selected;
    return {
      id: `${source}>${target}`,
      source,
      target,
      focusable: false,
      style: {
        stroke: isNear ? 'var(--accent)' : 'var(--line-strong)',
        strokeWidth: isNear ? 2 : 1.25,
        opacity: selected !== null && !isNear ? 0.45 : 1,
      },
    };
  });
}

/** The shape of the graph as text: places depend on it and on nothing else. */
function shapeOf(nodes: readonly GraphNode[]): string {
  return nodes.map((node) => `${node.id}:${node.wave}:${node.depends_on.join()}`).join(';');
}

export default function GraphCanvas({ nodes, selected, onSelect, onOpen, marked = null, label }: GraphCanvasProps) {
  const { shown } = useTheme();
  const shape = shapeOf(nodes);
  // States change often and shapes rarely: the layout is kept while the shape is.
  // eslint-disable-next-line react-hooks/exhaustive-deps
  const placed = useMemo((): Placed => ({ ...layout(nodes), edges: directEdges(nodes), boxes: new WeakMap() }), [shape]);

  const focus = focusOf(nodes, placed.width);
  const boxes = nodes.map((node) => {
    const isSelected = node.id === selected;
    return boxOf(node, placed, isSelected, marked !== null && !marked.has(node.id) && !isSelected);
  });
  const edges = useMemo(() => edgesOf(placed.edges, selected), [placed, selected]);
  return (
    <ReactFlow
      aria-label={label}
      role="group"
      nodes={boxes}
      edges={edges}
      nodeTypes={NODE_TYPES}
      colorMode={shown}
      onlyRenderVisibleElements
      nodesDraggable={false}
      nodesConnectable={false}
      edgesFocusable={false}
      elementsSelectable
      fitView
      fitViewOptions={{ padding: 0.06, maxZoom: 1, minZoom: 0.5, ...(focus && { nodes: focus }) }}
      minZoom={0.05}
      maxZoom={1.5}
      onNodeClick={(_, node) => onSelect(node.id)}
      onNodeDoubleClick={(_, node) => onOpen?.(node.id)}
      onPaneClick={() => onSelect(null)}
      onSelectionChange={({ nodes: [node] }) => {
        if (node && node.id !== selected) onSelect(node.id);
      }}
      proOptions={{ hideAttribution: true }}
      className="!bg-transparent"
    >
      <Background gap={20} size={1} color="var(--line)" bgColor="transparent" />
      <Controls showInteractive={false} className="overflow-hidden rounded-md border border-line shadow-card" />
      {nodes.length > 12 && (
        <MiniMap<BoxNode>
          pannable
          zoomable
          ariaLabel="Overview of the graph"
          nodeColor={({ data }) => MAP_FILL[data.node.tone]}
          maskColor="color-mix(in srgb, var(--page) 65%, transparent)"
          bgColor="var(--surface)"
          className="!hidden rounded-md border border-line sm:!block"
        />
      )}
    </ReactFlow>
  );
}
