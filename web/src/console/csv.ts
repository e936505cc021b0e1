// What is seen, as a file that Excel opens with its Chinese intact.
const BOM = '\ufeff'

/** A cell that a spreadsheet would take for a formula is written as text. */
function cell(text: string): string {
  const safe = /^[=+@\t\r]|^-(?![\d.])/.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe
}

export function downloadCsv(name: string, rows: string[][]): void {
  const text = BOM + rows.map((row) => row.map(cell).join(',')).join('\r\n') + '\r\n'
  download(name, new Blob([text], { type: 'text/csv;charset=utf-8' }))
}

export function download(name: string, content: Blob): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(content)
  link.download = name
  link.click()
  window.setTimeout(() => URL.revokeObjectURL(link.href), 10_000)
}
