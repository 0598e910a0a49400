import { useLayoutEffect, useRef } from 'react';
import { useTheme2 } from '@grafana/ui';

// Annotations draws a dashed line at each annotation, and a band where one has an end, as Grafana's own plugin does.
export function Annotations({ config, annotations }) {
  const theme = useTheme2();
  const current = useRef(annotations);
  current.current = annotations;
  useLayoutEffect(() => {
    config.addHook('draw', (u) => {
      const ctx = u.ctx;
      ctx.save();
      ctx.beginPath();
      ctx.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
      ctx.clip();
      for (const frame of current.current) {
        const field = (name) => frame.fields.find((f) => f.name === name)?.values;
        const time = field('time');
        for (let i = 0; i < (time?.length ?? 0); i++) {
          const color = theme.visualization.getColorByName(field('color')?.[i] ?? 'red');
          const x = u.valToPos(time[i], 'x', true);
          const end = field('timeEnd')?.[i];
          const region = field('isRegion')?.[i] && end;
          line(ctx, u, x, color);
          if (region) {
            const x2 = u.valToPos(end, 'x', true);
            line(ctx, u, x2, color);
            ctx.globalAlpha = 0.1;
            ctx.fillStyle = color;
            ctx.fillRect(x, u.bbox.top, x2 - x, u.bbox.height);
            ctx.globalAlpha = 1;
          }
        }
      }
      ctx.restore();
    });
  }, [config, theme]);
  return null;
}

function line(ctx, u, x, color) {
  ctx.beginPath();
  ctx.lineWidth = 2;
  ctx.strokeStyle = color;
  ctx.setLineDash([5, 5]);
  ctx.moveTo(x, u.bbox.top);
  ctx.lineTo(x, u.bbox.top + u.bbox.height);
  ctx.stroke();
  ctx.setLineDash([]);
}
