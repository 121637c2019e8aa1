// Sizes until the server's hello says what they are.
export const limits = { content: 4000, pictures: 10, picture_bytes: 10 * 2 ** 20 };
