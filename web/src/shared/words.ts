// Texts of the services as Chinese is set: full-width marks after a Chinese character.
const MARKS: Record<string, string> = { ',': '，', ';': '；', ':': '：', '?': '？', '!': '！' }

export const typeset = (text: string): string =>
  text.replace(/([\u4e00-\u9fff”’）》])([,;:?!])(?!\d)/g, (_, before: string, mark: string) => before + (MARKS[mark] ?? mark))
