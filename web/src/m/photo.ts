// Photos: shrunk in the phone before they are stored or sent.
const LONGEST_EDGE = 1600
const QUALITY = 0.82

/** A JPEG of at most 1600 px; a picture the browser cannot decode is refused with a Chinese text. */
export async function shrink(file: Blob): Promise<Blob> {
  const picture = await decode(file)
  const scale = Math.min(1, LONGEST_EDGE / Math.max(picture.width, picture.height))
  const canvas = document.createElement('canvas')
  canvas.width = Math.max(1, Math.round(picture.width * scale))
  canvas.height = Math.max(1, Math.round(picture.height * scale))
  const context = canvas.getContext('2d')
  if (!context) throw new Error('无法处理图片')
  context.drawImage(picture, 0, 0, canvas.width, canvas.height)
  const made = await new Promise<Blob | null>((done) => canvas.toBlob(done, 'image/jpeg', QUALITY))
  if (!made) throw new Error('无法处理图片')
  return made
}

async function decode(file: Blob): Promise<ImageBitmap | HTMLImageElement> {
  try {
    return await createImageBitmap(file, { imageOrientation: 'from-image' })
  } catch {
    return decodeByElement(file) // older WebKit has no options, or no createImageBitmap at all
  }
}

function decodeByElement(file: Blob): Promise<HTMLImageElement> {
  return new Promise((resolve, reject) => {
    const url = URL.createObjectURL(file)
    const image = new Image()
    image.onload = () => {
      resolve(image)
      URL.revokeObjectURL(url)
    }
    image.onerror = () => {
      URL.revokeObjectURL(url)
      reject(new Error('这张图片无法读取，请换一张'))
    }
    image.src = url
  })
}
