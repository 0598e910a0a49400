import { getDisplayValueAlignmentFactors, VizOrientation } from '@grafana/data';
import { BarGauge, VizRepeater, useTheme2 } from '@grafana/ui';
import { displayValues } from './stat.jsx';

export function BarGaugePanel(props) {
  const { data, options, width, height, renderCounter } = props;
  const theme = useTheme2();
  const renderValue = ({ value, width, height, orientation, alignmentFactors, count }) => (
    <BarGauge value={value.display} width={width} height={height} orientation={orientation} field={value.field} display={value.view?.getFieldDisplayProcessor(value.colIndex)}
      theme={theme} itemSpacing={10} lcdCellWidth={8} displayMode={options.displayMode} alignmentFactors={count > 1 ? alignmentFactors : undefined}
      showUnfilled={options.showUnfilled} valueDisplayMode={options.valueMode} namePlacement={options.namePlacement} text={options.text} />
  );
  return (
    <VizRepeater source={data} getAlignmentFactors={(v) => getDisplayValueAlignmentFactors(v)} getValues={() => displayValues(props, theme, false)} renderValue={renderValue}
      renderCounter={renderCounter} width={width} height={height} minVizWidth={options.minVizWidth} minVizHeight={options.minVizHeight} maxVizHeight={options.maxVizHeight}
      itemSpacing={10} orientation={options.orientation ?? VizOrientation.Auto} />
  );
}
