/**
 * What stands under "The input", one kind of picture each: boards.js, photos.js.  main.js is their host.
 *
 * @typedef {object} Input
 * @property {Uint8Array} pixels      what the networks are shown
 * @property {boolean} blank          nothing is to be predicted of it
 * @property {boolean} busy           someone is drawing: times wait longer
 * @property {(known?: import('./session.js').Opened) => Promise<void>} load  what the address names; `known`: it is here
 *                                    already, with its answers
 * @property {(picture: import('./picture.js').Picture) => Promise<void>} take  a visitor's picture
 * @property {() => Promise<void>} openSamples
 * @property {() => void} show        the picture, and its status
 * @property {() => void} focus       where the focus belongs when nothing covers it any more
 *
 * @typedef {object} Host
 * @property {() => {session: import('./session.js').Session, state: import('./state.js').State, set: import('./models.js').InputSet}} now
 *                                    throws while no engine runs
 * @property {() => boolean} ready    an engine runs, and no other set's first picture is on its way
 * @property {(input: Input) => boolean} shows  still, after something was awaited
 * @property {(known?: import('../engine/protocol.js').Prediction[]) => void} changed  pixels are others: show and answer them
 * @property {() => void} loaded      what the address names is shown
 * @property {() => Promise<void>} shuffle
 * @property {(text: string, label?: string, act?: () => unknown) => void} status  a sentence, and what can be done about it
 * @property {(overlay: HTMLElement) => void} cover
 * @property {() => void} uncover
 * @property {<S extends import('./samples.js').Sample>(title: string, samples: S[], choose: (sample: S) => void) => Promise<void>} pick
 * @property {(target: EventTarget, type: string, act: (event: any) => unknown) => void} on  listens; tells if acting fails
 */

export {}; /* types alone: no browser fetches this file */
