import { renderTextPanelMarkdown } from '@grafana/data';

export function TextPanel({ options, replaceVariables }) {
  const text = replaceVariables(options.content ?? '');
  const html = options.mode === 'html' ? text : renderTextPanelMarkdown(text);
  return <div className="markdown-html" style={{ height: '100%', overflow: 'auto' }} dangerouslySetInnerHTML={{ __html: html }} />;
}
