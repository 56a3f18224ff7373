/**
 * What the modules say that are fetched on demand; the rest is in strings.js.
 */
import { listed } from './format.js';

export const STRINGS = {
  /* photographs, and pictures of any kind */
  photoSample: (/** @type {number} */ i, /** @type {number} */ n, /** @type {string} */ label) =>
    `Sample ${i} of ${n} from the test images, labelled \u201c${label}\u201d.`,
  photoYours: 'Your picture, cropped to a square and averaged down.',
  photoSeen: (/** @type {number} */ side) => `What the network sees: ${side} \u00d7 ${side} pixels`,
  photoSamples: 'Test images of CIFAR-10',
  pictureTooLarge: (/** @type {string} */ mebibytes) =>
    `This file is ${mebibytes} MiB; pictures up to 64 MiB are read. Save it smaller and try again.`,
  pictureSides: (/** @type {number} */ width, /** @type {number} */ height) =>
    `This picture is ${width} \u00d7 ${height}; up to 16,384 pixels a side and 134 million in all are read. Save it smaller and try again.`,
  pictureEmptyFile: 'This file is empty.',
  pictureKind: (/** @type {string} */ kind) => `This is a file of the kind ${kind}, which is not read here. Save it as PNG or JPEG and try again.`,
  pictureUnknown: 'This file is not a picture: its first bytes belong to no format that is read here (PNG, JPEG, WebP, GIF, AVIF, BMP).',
  pictureBroken: (/** @type {string} */ kind) => `This ${kind} file could not be decoded: it is damaged or cut short.`,
  pictureBlank: 'This picture has no visible pixel, or the browser could not hold it. Save it smaller and try again.',

  /* experts that whole images are sent to */
  mixtureOf: (/** @type {number} */ experts, /** @type {number} */ kept) =>
    kept === experts ? `${experts} experts; every one has a part in the answer.` : `${experts} experts; a photograph keeps ${kept}.`,
  mixtureKept: (/** @type {string} */ name, /** @type {string} */ gate, /** @type {string} */ score) => `Expert ${name}: kept, gate ${gate}, score ${score}`,
  mixtureNotKept: (/** @type {string} */ name, /** @type {string} */ score) => `Expert ${name}: not kept, score ${score}`,
  mixtureBest: (/** @type {string[]} */ pairs) => `Largest gates: ${listed(pairs)}`,
  mixtureNothing: 'Nothing is answered yet.',
  mixtureHeard: (/** @type {string} */ model, /** @type {string[]} */ names) => `${model} kept expert${names.length === 1 ? '' : 's'} ${listed(names)}.`,
  mixtureHeardAll: (/** @type {string} */ model, /** @type {string} */ name) => `${model}: expert ${name} has the largest gate.`,

  /* which classes use which experts */
  usageTitle: 'Which classes use which experts',
  usageNote: (/** @type {number} */ n) =>
    `Of the ${n} sample photographs of this page alone, answered here and now: too few to judge a network by.`,
  usageRun: (/** @type {number} */ n) => `Answer all ${n} samples`,
  usageRunning: (/** @type {number} */ done, /** @type {number} */ n) => `Running: ${done} of ${n}`,
  usageDone: (/** @type {number} */ n) => `${n} photographs are answered; the table follows.`,
  usageCaption: (/** @type {string} */ model, /** @type {number} */ n) => `${model}: mean gate in percent, over the ${n} sample photographs`,
  usageClass: 'Class',
  usageChoice: 'Network of the table',
  usageCell: (/** @type {string} */ gate, /** @type {string} */ kept, /** @type {number} */ n) => `mean gate ${gate} %, kept by ${kept} of ${n}`,
  usageSave: 'Save as CSV',

  /* the camera */
  cameraTitle: 'Camera',
  cameraStarting: 'The camera is starting. If the browser asks whether this page may use it, allow it.',
  cameraPreview: 'What the camera sees; the middle square is used',
  cameraTake: 'Take',
  cameraCancel: 'Cancel',
  cameraNone: 'No camera was found on this device.',
  cameraRefused: 'The camera was not allowed. The browser\u2019s settings for this page can allow it; pictures can also be uploaded.',
  cameraInsecure: 'Browsers lend the camera only to pages that came over HTTPS or from this very machine.',
  cameraBusy: 'The camera does not start: another program may be using it.',
  cameraFailed: (/** @type {string} */ why) => `The camera could not be used: ${why}`,
};
