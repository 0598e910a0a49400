import { cacheFieldDisplayNames } from '@grafana/data';
import { TableNG } from '@grafana/ui/unstable';

export function TablePanel({ data, width, height, options, fieldConfig, timeRange }) {
  const frame = data.series[options.frameIndex ?? 0] ?? data.series[0];
  if (!frame || frame.fields.length === 0) {
    return <div className="preview-nothing">No data</div>;
  }
  cacheFieldDisplayNames(data.series);
  return (
    <TableNG data={frame} width={width} height={height} noHeader={!options.showHeader} showTypeIcons={options.showTypeIcons} cellHeight={options.cellHeight}
      sortBy={options.sortBy} initialSortBy={options.sortBy} enablePagination={options.enablePagination} frozenColumns={options.frozenColumns?.left}
      fieldConfig={fieldConfig} timeRange={timeRange} structureRev={data.structureRev} noValue={fieldConfig.defaults.noValue} enableVirtualization={false} />
  );
}
