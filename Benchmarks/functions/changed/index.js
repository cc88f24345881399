exports.handler = async (event) => {
  const { request } = event.Records[0].cf;
  request.uri = '/app' + request.uri;
  request.headers['x-edge'] = [{ key: 'X-Edge', value: 'skerry' }];
  delete request.headers.cookie;
  return request;
};
