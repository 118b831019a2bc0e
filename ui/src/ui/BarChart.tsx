// Bars by day. Loaded when a page with a chart is opened; the numbers are there as a
// table for those who cannot see it.
import { Bar, BarChart as Chart, CartesianGrid, ResponsiveContainer, Tooltip, XAxis, YAxis } from 'recharts';

export interface BarPoint {
  name: string;
  value: number;
}

interface BarChartProps {
  label: string;
  points: readonly BarPoint[];
  format: (value: number) => string;
}

const TICK = { fill: 'var(--text-3)', fontSize: 11 };

export default function BarChart({ label, points, format }: BarChartProps) {
  return (
    <figure aria-label={label}>
      <div aria-hidden className="h-52">
        <ResponsiveContainer width="100%" height="100%">
          <Chart data={[...points]} margin={{ top: 8, right: 4, bottom: 0, left: 0 }} accessibilityLayer={false}>
            <CartesianGrid vertical={false} stroke="var(--line)" />
            <XAxis dataKey="name" tick={TICK} tickLine={false} axisLine={{ stroke: 'var(--line-strong)' }} minTickGap={24} />
            <YAxis tick={TICK} tickLine={false} axisLine={false} width={52} tickFormatter={format} />
            <Tooltip
              cursor={{ fill: 'var(--hover)' }}
              isAnimationActive={false}
              formatter={(value) => [format(Number(value)), label]}
              contentStyle={{ background: 'var(--surface)', border: '1px solid var(--line)', borderRadius: 8, fontSize: 12 }}
              labelStyle={{ color: 'var(--text-2)' }}
              itemStyle={{ color: 'var(--text)' }}
            />
            <Bar dataKey="value" fill="var(--accent)" radius={[3, 3, 0, 0]} isAnimationActive={false} maxBarSize={28} />
          </Chart>
        </ResponsiveContainer>
      </div>
      <table className="sr-only">
        <caption>{label}</caption>
        <tbody>
          {points.map((point) => (
            <tr key={point.name}>
              <th scope="row">{point.name}</th>
              <td>{format(point.value)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </figure>
  );
}
