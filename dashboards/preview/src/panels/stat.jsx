import { getDisplayValueAlignmentFactors, getFieldDisplayValues, VizOrientation } from '@grafana/data';
import { BigValue, BigValueTextMode, DataLinksContextMenu, VizRepeater, useTheme2 } from '@grafana/ui';

// displayValues returns what a panel of single values shows.
export function displayValues({ data, fieldConfig, options, replaceVariables, timeZone }, theme, sparkline) {
  return getFieldDisplayValues({
    fieldConfig, reduceOptions: options.reduceOptions, replaceVariables, theme, data: data.series, sparkline, timeZone,
    percentChange: options.showPercentChange,
  });
}

// textMode is the one that Grafana's stat chooses for auto.
function textMode(options, count) {
  if (options.textMode && options.textMode !== BigValueTextMode.Auto) {
    return options.textMode;
  }
  return count > 1 ? BigValueTextMode.ValueAndName : BigValueTextMode.Value;
}

export function StatPanel(props) {
  const { data, options, width, height, renderCounter } = props;
  const theme = useTheme2();
  const values = () => displayValues(props, theme, options.graphMode !== 'none');
  const renderValue = ({ value, width, height, count, alignmentFactors }) => {
    const big = (
      <BigValue value={value.display} count={count} sparkline={value.sparkline} colorMode={options.colorMode} graphMode={options.graphMode}
        justifyMode={options.justifyMode} textMode={textMode(options, count)} alignmentFactors={alignmentFactors} text={options.text} width={width} height={height}
        theme={theme} wideLayout={options.wideLayout} percentChangeColorMode={options.percentChangeColorMode} />
    );
    return value.hasLinks && value.getLinks ? <DataLinksContextMenu links={value.getLinks}>{() => big}</DataLinksContextMenu> : big;
  };
  return (
    <VizRepeater getValues={values} getAlignmentFactors={(v) => getDisplayValueAlignmentFactors(v)} renderValue={renderValue} width={width} height={height} source={data}
      itemSpacing={3} renderCounter={renderCounter} autoGrid orientation={options.orientation ?? VizOrientation.Auto} />
  );
}
